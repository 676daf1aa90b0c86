"""The master's parts: silence and pauses, the service manager, addresses, the state directory."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from dnsd import config as configuration
from dnsd import daemon
from dnsd.cli import main
from dnsd.config import Anycast, Config, Endpoint, Options, Server, secret_advice
from dnsd.config import RateLimitConfig as ConfiguredLimit
from dnsd.daemon import listen, specs, statelock
from dnsd.daemon.notify import Notifier
from dnsd.daemon.pulse import FIRST_PAUSE_S, LONG_LIFE_S, LONGEST_PAUSE_S, Backoff, Pulse
from dnsd.errors import ConfigError, ListenError, StateError
from dnsd.hotpath import RateLimit
from tests.serving import free_port

# -- pulse ------------------------------------------------------------------------------------


def test_a_steady_heartbeat_is_never_silent() -> None:
    pulse = Pulse(limit=1.0, tick=0.1)
    assert not any(pulse.look(number * 0.1, number // 5) for number in range(1000))


def test_silence_is_noticed_after_the_limit() -> None:
    pulse = Pulse(limit=1.0, tick=0.1)
    pulse.look(100.0, 7)
    looks = [pulse.look(100.0 + number / 10, 7) for number in range(1, 30)]
    assert 10 <= looks.index(True) <= 11
    assert sum(looks) == 2, "it is not said all the time"


def test_a_late_heartbeat_ends_the_silence() -> None:
    pulse = Pulse(limit=1.0, tick=0.1)
    looks = [pulse.look(100.0 + number / 10, number // 9) for number in range(1000)]
    assert not any(looks)


def test_the_first_look_is_no_silence() -> None:
    assert not Pulse(limit=1.0, tick=0.1).look(1e9, 5)


def test_a_pause_of_the_watcher_is_not_held_against_the_watched() -> None:
    pulse = Pulse(limit=1.0, tick=0.1)
    pulse.look(100.0, 7)
    assert not pulse.look(500.0, 7)
    assert not pulse.look(500.1, 8)


def test_deaths_after_a_long_life_cause_no_pause() -> None:
    backoff = Backoff()
    assert [backoff.pause(LONG_LIFE_S) for _ in range(5)] == [0.0] * 5


def test_deaths_in_a_row_cause_longer_and_longer_pauses() -> None:
    backoff = Backoff()
    pauses = [backoff.pause(0.1) for _ in range(12)]
    assert pauses[:3] == [0.0, FIRST_PAUSE_S, 2 * FIRST_PAUSE_S]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    assert backoff.pause(LONG_LIFE_S) == 0.0


# -- the service manager ----------------------------------------------------------------------


def test_the_manager_hears_and_the_children_do_not_know_of_it() -> None:
    with TemporaryDirectory() as name, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{name}/notify")
        environ = {"NOTIFY_SOCKET": f"{name}/notify", "WATCHDOG_USEC": "3000000", "HOME": "/"}
        notifier = Notifier(environ)
        assert environ == {"HOME": "/"}
        assert notifier.watchdog == 1.5
        notifier.ready()
        notifier.reloading()
        notifier.status("well")
        notifier.status("well")
        notifier.status("better")
        notifier.wait(2.5)
        notifier.alive()
        notifier.stopping()
        told = [manager.recv(100).decode() for _ in range(7)]
    assert told[0] == "READY=1"
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", told[1])
    assert told[2:4] == ["STATUS=well", "STATUS=better"]
    assert told[4:] == ["EXTEND_TIMEOUT_USEC=2500000", "WATCHDOG=1", "STOPPING=1"]


def test_a_socket_without_a_file_is_heard_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0dnsd-test-{os.getpid()}")
        Notifier({"NOTIFY_SOCKET": f"@dnsd-test-{os.getpid()}"}).ready()
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_a_manager_that_does_not_listen_is_no_error(environ: dict[str, str]) -> None:
    Notifier(environ).ready()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_a_watchdog_there_is_none(environ: dict[str, str]) -> None:
    assert Notifier(environ).watchdog is None


def test_a_watchdog_for_this_process_is_for_it() -> None:
    environ = {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(environ).watchdog == 0.0005


# -- addresses --------------------------------------------------------------------------------


def never(_seconds: float) -> None:
    raise AssertionError("there is nothing to wait for")


def test_an_address_that_is_free_is_fine_and_stays_free() -> None:
    endpoint = Endpoint("127.0.0.1", free_port())
    listen.probe([endpoint], never)
    listen.probe([endpoint], never)


def test_an_address_that_becomes_free_in_time_is_fine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        endpoint = Endpoint("127.0.0.1", other.getsockname()[1])
        listen.probe([endpoint], lambda _seconds: other.close())


def test_every_address_that_cannot_be_had_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        used = Endpoint("127.0.0.1", other.getsockname()[1])
        waits: list[float] = []
        with pytest.raises(ListenError) as caught:
            listen.probe([used, Endpoint("192.0.2.1", used.port)], waits.append)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"cannot listen on {used} (UDP): another program does")
    assert f"ss -ulnp 'sport = :{used.port}'" in first
    assert "this machine does not have the address 192.0.2.1" in second
    assert sum(waits) == pytest.approx(listen.PATIENCE_S, abs=0.1)


def test_a_link_local_address_belongs_to_an_interface() -> None:
    links = Path("/proc/net/if_inet6").read_text().split("\n")
    local = [line.split() for line in links if line.startswith("fe80")]
    if not local:
        pytest.skip("no interface of this machine has a link-local address")
    address, interface = ipaddress.IPv6Address(bytes.fromhex(local[0][0])), local[0][-1]
    listen.probe([Endpoint(f"{address}%{interface}", free_port())], never)
    with pytest.raises(ListenError, match="this machine does not have the address"):
        listen.probe([Endpoint(f"{address}%none", free_port())], never)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "ports below 1024 need root or CAP_NET_BIND_SERVICE"),
        (errno.EADDRNOTAVAIL, "give it to an interface"),
        (errno.EAFNOSUPPORT, "this machine does not have the address"),
        (errno.ENOBUFS, "ENOBUFS"),
    ],
)
def test_what_the_system_refuses_becomes_a_sentence(
    monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ListenError, match=sentence):
        listen.probe([Endpoint("::1", 53)], never)
    elsewhere = number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    assert listen.is_local(Endpoint("::1", 53)) != elsewhere


# -- the state directory ----------------------------------------------------------------------


def test_the_lock_is_held_once_and_names_its_holder(tmp_path: Path) -> None:
    held = statelock.lock(tmp_path)
    with pytest.raises(StateError, match=rf"another dnsd \(pid {os.getpid()}\)"):
        statelock.lock(tmp_path)
    for handle in held:
        os.close(handle)
    for handle in statelock.lock(tmp_path):
        os.close(handle)


# -- specs ------------------------------------------------------------------------------------


def test_workers_are_told_all_of_the_configuration_that_is_theirs() -> None:
    server = Server(
        listen=(Endpoint("::1", 53),),
        state_directory=Path("/state"),
        nsid="here",
        server_id=None,
        version="",
        udp_payload=1400,
        udp_receive_buffer=1 << 20,
        tcp_connections=9,
        tcp_per_source=8,
        tcp_idle=7.0,
        tcp_message=6.0,
        tcp_stall=5.0,
        tcp_unsent=100_000,
        heartbeat=0.25,
    )
    shared = specs.Shared.create(2)
    one, two = specs.worker_specs(Config(server=server), shared, [0, 1])
    assert (one.index, two.index, one.workers, one.state_fd) == (
        (0, 1, shared.vector.workers, shared.vector.fd)
    )
    assert (one.journal_fd, one.images_fd) == (shared.journal, shared.images)
    assert one.listen == (("::1", 53),)
    assert one.images == "/state/images"
    settings = one.settings
    assert (settings.nsid, settings.server_id, settings.version) == (b"here", None, b"")
    assert (settings.udp_payload, settings.tcp_idle, settings.cookie_secrets) == (1400, 7.0, ())
    assert (one.tcp.connections, one.tcp.per_source, one.tcp.message) == (9, 8, 6.0)
    assert (one.tcp.stall, one.tcp.unsent) == (5.0, 100_000)
    assert (one.heartbeat, one.udp_receive_buffer) == (0.25, 1 << 20)


def test_rate_limits_never_touch_what_the_node_asks_itself() -> None:
    """It asks its VIPs from the VIPs themselves: a flood from their network must not silence it."""
    vips, subnets = ("192.0.2.53", "2001:db8::53"), ("192.0.2.0/24", "2001:db8::/48")
    anycast = Anycast(enabled=True, vips=vips, subnets=subnets)
    config = Config(anycast=anycast, rate_limit=ConfiguredLimit(exempt=("198.51.100.0/24",)))
    (spec,) = specs.worker_specs(config, specs.Shared.create(1), [0])
    assert spec.settings.rate_limit == RateLimit(exempt=("198.51.100.0/24", *vips))


def test_no_rate_is_no_limit() -> None:
    config = Config(rate_limit=ConfiguredLimit(per_second=0))
    (spec,) = specs.worker_specs(config, specs.Shared.create(1), [0])
    assert spec.settings.rate_limit is None


def test_cookie_secrets_reach_the_workers_or_stop_the_start(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    config = Config(server=Server(cookie_secret_file=file, state_directory=tmp_path))
    shared = specs.Shared.create(1)
    with pytest.raises(ConfigError):
        specs.worker_specs(config, shared, [0])
    file.write_text("00112233445566778899aabbccddeeff\n")
    (spec,) = specs.worker_specs(config, shared, [0])
    assert spec.settings.cookie_secrets == (bytes.fromhex("00112233445566778899aabbccddeeff"),)


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, False), (0o644, True)])
def test_secrets_that_others_can_read_are_told_of(tmp_path: Path, mode: int, told: bool) -> None:
    file = tmp_path / "secrets"
    file.write_text("00112233445566778899aabbccddeeff\n")
    file.chmod(mode)
    config = Config(server=Server(cookie_secret_file=file, state_directory=tmp_path))
    assert any(f"chmod o= {file}" in one for one in secret_advice(config)) == told
    (tmp_path / "dnsd.toml").write_text(f'[server]\ncookie_secret_file = "{file}"\n')
    found = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "dnsd.toml")])
    assert ("[open-secrets]" in found.output) == told
    assert secret_advice(Config(server=Server(state_directory=tmp_path))) == ()


def test_there_is_a_worker_for_each_core_unless_told_otherwise() -> None:
    assert specs.worker_count(Config(server=Server(workers=3))) == 3
    assert specs.worker_count(Config(server=Server(workers=0))) == len(os.sched_getaffinity(0))


# -- where to listen unless that is said ------------------------------------------------------


def test_default_addresses_are_tried_and_those_that_are_asked_for_must_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """IPv6 is off in many containers."""
    monkeypatch.setattr(listen, "is_local", lambda one: one.family == socket.AF_INET)
    path = tmp_path / "dnsd.toml"
    path.write_text("")
    silent = configuration.resolve(path, Options())
    there = daemon.without_absent_addresses(silent)
    assert [str(one) for one in there.server.listen] == ["127.0.0.1:5300"]
    assert "not listening on [::1]:5300: this machine does not have" in capsys.readouterr().err
    path.write_text('[server]\nlisten = ["127.0.0.1:5300", "[::1]:5300"]\n')
    for asked in (
        configuration.resolve(path, Options()),
        configuration.resolve(None, Options(zones="x", listen=("[::1]:5300",))),
    ):
        assert daemon.without_absent_addresses(asked) is asked


def test_if_no_default_address_is_there_all_of_them_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listen, "is_local", lambda _: False)
    config = Config()
    assert daemon.without_absent_addresses(config) is config


def test_memory_that_the_system_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a limit of file sizes does (LimitFSIZE=, ulimit -f), or one of descriptors."""

    def refuse(_fd: int, _size: int) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(StateError, match=r"workers share: File too large; look at the limits"):
        specs.Shared.create(1)
