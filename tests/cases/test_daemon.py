"""The whole of dnsd: how it starts, how it stops, and what it survives."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from pathlib import Path

import dns.rcode
import pytest

from tests.support import family, is_gone, make_node, start_dnsd, until, zone

ZONES = {"example.com": zone(1, "www A 192.0.2.1"), "example.org": zone(7)}


def test_it_says_when_it_is_ready_answers_and_stops_on_sigterm() -> None:
    with start_dnsd(ZONES, workers=2) as node:
        assert re.fullmatch(
            rf"dnsd: ready on 127\.0\.0\.1:{node.port} "
            r"\(2 workers, 2 zones, hot path (python|native)\) \[node-ready\]",
            node.lines[-1],
        )
        assert node.addresses("www.example.com") == {"192.0.2.1"}
        assert node.query("nowhere.example").rcode() == dns.rcode.REFUSED
        children = family(node.process.pid)
        assert len(children) == 3
        assert node.stop() == 0
        assert all(map(is_gone, children))
        assert not (node.state / "admin.sock").exists()
        assert sum("ready" in line for line in node.lines) == 1


def test_sigint_stops_it_too() -> None:
    with start_dnsd(ZONES) as node:
        node.process.send_signal(signal.SIGINT)
        assert node.wait() == 0


def test_the_state_directory_is_private() -> None:
    with start_dnsd(ZONES) as node:
        assert node.state.stat().st_mode & 0o777 == 0o700
        assert (node.state / "admin.sock").stat().st_mode & 0o777 == 0o600


def test_without_a_configuration_it_serves_the_examples_and_says_so() -> None:
    with make_node() as node:
        node.start("--listen", f"127.0.0.1:{node.port}", "--workers", "1")
        node.wait_ready()
        introduction = "\n".join(node.lines)
        assert "no configuration: serving the example zones in" in introduction
        assert f"try: dig @127.0.0.1 -p {node.port} www.example.com A" in introduction
        assert node.addresses("www.example.com")


def test_zones_named_on_the_command_line_are_served_without_a_word_about_examples() -> None:
    with make_node(ZONES) as node:
        node.start(
            *("--listen", f"127.0.0.1:{node.port}", "--workers", "1"),
            *("--zone", f"example.com={node.zones}/example.com.zone"),
        )
        assert "1 worker, 1 zone," in node.wait_ready()
        assert "example zones" not in "\n".join(node.lines)
        assert node.serial("example.com") == 1


def test_a_configuration_larger_than_a_pipe_reaches_control() -> None:
    listed = "".join(
        f'[[zone]]\nname = "z{number}.example"\nfile = "zones/example.org.zone"\n'
        for number in range(1000)
    )
    with start_dnsd(ZONES, tail=listed) as node:
        assert "1 worker, 1002 zones" in node.lines[-1]
        assert node.serial("z999.example") == 7


# -- what it refuses to start with ------------------------------------------------------------


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_in_use_is_one_sentence_and_status_1(kind: socket.SocketKind) -> None:
    with make_node(ZONES) as node, socket.socket(socket.AF_INET, kind) as other:
        # as another server would that shares its port with itself
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", node.port))
        if kind == socket.SOCK_STREAM:
            other.listen()
        node.start()
        assert node.wait() == 1
        (line,) = node.lines
        assert line.startswith(f"dnsd: cannot listen on 127.0.0.1:{node.port} (")
        assert "another program does" in line


def test_an_address_of_another_machine_is_a_sentence() -> None:
    with make_node(ZONES) as node:
        node.start("--listen", f"192.0.2.1:{node.port}")
        assert node.wait() == 1
        (line,) = node.lines
        assert "this machine does not have the address 192.0.2.1" in line


def test_a_second_node_in_the_same_state_directory_is_refused_with_the_pid() -> None:
    with start_dnsd(ZONES) as node:
        second = node.run("serve", "--config", str(node.config))
        assert second.returncode == 1
        assert f"another dnsd (pid {node.process.pid}) uses the state directory" in second.stderr
        assert second.stderr.count("\n") == 1
        assert node.serial("example.com") == 1


def test_a_bad_configuration_is_status_1_with_every_problem() -> None:
    with make_node(server='lissten = "x"\ntcp_idle = 3') as node:
        node.start()
        assert node.wait() == 1
        assert [line for line in node.lines if "lissten" in line]
        assert [line for line in node.lines if "tcp_idle" in line]
        assert all(line.startswith("dnsd: ") for line in node.lines)


def test_a_state_directory_that_cannot_be_is_a_sentence() -> None:
    with make_node(ZONES) as node:
        node.state.write_text("in the way")
        node.start()
        assert node.wait() == 1
        (line,) = node.lines
        assert f"cannot use the state directory {node.state}" in line


def test_a_process_that_cannot_start_ends_it_instead_of_trying_for_ever() -> None:
    with make_node(ZONES) as node:
        broken = node.zones.parent / "broken"
        broken.mkdir()
        (broken / "sitecustomize.py").write_text(
            "import os, sys\nif 'dnsd.control.__main__' in sys.orig_argv: os._exit(1)\n"
        )
        node.start(PYTHONPATH=str(broken))
        assert node.wait() == 1
        assert node.lines[-1].startswith("dnsd: error: control ended before it was ready")


# -- what it survives -------------------------------------------------------------------------


def test_a_worker_that_is_killed_is_replaced_and_answers() -> None:
    with start_dnsd(ZONES, workers=2) as node:
        before = node.workers()
        os.kill(before[0], signal.SIGKILL)
        node.wait_line("worker 0 is restarted")
        assert f"worker 0 (pid {before[0]}) was ended by SIGKILL" in "\n".join(node.lines)
        replaced = until(lambda: all(one["generation"] for one in node.status()["workers"]))
        assert replaced
        after = node.workers()
        assert after[0] != before[0]
        assert after[1] == before[1]
        assert [node.serial("example.com") for _ in range(20)] == [1] * 20


def test_a_worker_that_hangs_is_killed_and_replaced() -> None:
    with start_dnsd(ZONES, server="heartbeat_miss = 40") as node:
        (before,) = node.workers()
        os.kill(before, signal.SIGSTOP)
        node.wait_line("worker 0 has made no progress for too long")
        node.wait_line("worker 0 is restarted")
        until(lambda: all(one["generation"] for one in node.status()["workers"]))
        assert node.serial("example.com") == 1
        assert node.workers() != [before]


def test_answers_go_on_while_control_is_dead_and_go_on_changing_afterwards() -> None:
    with start_dnsd(ZONES) as node:
        control = node.status()["control"]["pid"]
        os.kill(control, signal.SIGKILL)
        assert node.serial("example.com") == 1
        node.wait_line("control is restarted")
        until(node.hears)
        assert node.status()["control"]["pid"] != control
        node.write("example.com", zone(2))
        assert node.reload().returncode == 0
        assert node.serial("example.com") == 2


def test_a_broken_zone_keeps_its_old_data_across_a_restart_of_control() -> None:
    with start_dnsd(ZONES) as node:
        node.write("example.com", "not a zone\n")
        assert node.reload().returncode == 1
        os.kill(node.status()["control"]["pid"], signal.SIGKILL)
        node.wait_line("control is restarted")
        until(node.hears)
        until(lambda: node.zone_status("example.com")["error"])
        assert node.zone_status("example.com")["state"] == "stale"
        assert node.serial("example.com") == 1


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_when_the_master_is_killed_nobody_is_left() -> None:
    with start_dnsd(ZONES, workers=2) as node:
        children = family(node.process.pid)
        node.kill()
        until(lambda: all(map(is_gone, children)))
        # The last thread of a process may end a moment after its first one, with the sockets.
        until(lambda: _is_free(node.port), "the port")


def test_it_starts_again_at_once_after_the_master_was_killed() -> None:
    with start_dnsd(ZONES, workers=2) as node:
        node.kill()
        del node.lines[:]
        node.start()
        node.wait_ready()
        assert node.serial("example.com") == 1


def test_a_storm_of_signals_is_weathered() -> None:
    with start_dnsd(ZONES) as node:
        node.write("example.com", zone(2))
        for _ in range(200):
            node.process.send_signal(signal.SIGHUP)
        node.wait_serial("example.com", 2)
        assert node.admin("reload")["ok"]
        assert node.stop() == 0


def test_noise_on_the_admin_socket_disturbs_nobody() -> None:
    with start_dnsd(ZONES) as node:
        path = str(node.state / "admin.sock")
        noisy = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for number, sock in enumerate(noisy):
            sock.connect(path)
            sock.sendall(os.urandom(1000) + b"\n" * (number % 3))
            if number % 2:
                sock.shutdown(socket.SHUT_WR)
        assert node.status()["pid"] == node.process.pid
        assert node.admin("reload")["ok"]
        assert node.serial("example.com") == 1
        for sock in noisy:
            sock.close()


# -- the next start ---------------------------------------------------------------------------


def images(state: Path) -> set[str]:
    return {path.name for path in (state / "images").iterdir()}


def test_images_of_unchanged_zones_are_taken_from_the_last_run() -> None:
    with start_dnsd(ZONES, poll="1h") as node:
        for name in ("example.org", "example.com"):  # each by itself: they share no image then
            # a file that has just been changed is not trusted
            os.utime(node.write(name, ZONES[name]), (1, 1))
            assert node.reload().returncode == 0
        kept = until(lambda: len(found := images(node.state)) == 2 and found)
        node.stop()
        os.utime(node.write("example.com", zone(2)), (2, 2))
        (node.state / "images" / ".half.img.1.tmp").write_text("left by a crash")
        node.lines.clear()
        node.start()
        node.wait_ready()
        assert node.serial("example.com") == 2
        assert node.serial("example.org") == 7
        until(lambda: len(images(node.state)) == 2)
        (same,) = images(node.state) & kept
        assert same.startswith("example.org-")


def test_a_damaged_image_is_not_trusted() -> None:
    with start_dnsd({"example.org": ZONES["example.org"]}) as node:
        os.utime(node.zones / "example.org.zone", (1, 1))
        assert node.reload().returncode == 0
        until(lambda: len(images(node.state)) == 1)
        node.stop()
        (path,) = (node.state / "images").iterdir()
        octets = bytearray(path.read_bytes())
        octets[-20] ^= 1
        path.write_bytes(octets)
        node.lines.clear()
        node.start()
        node.wait_ready()
        assert node.serial("example.org") == 7
        until(lambda: path.name not in images(node.state))


# -- the service manager ----------------------------------------------------------------------


def test_the_service_manager_is_told() -> None:
    with make_node(ZONES) as node, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        manager.bind(str(node.directory / "notify"))
        node.start(NOTIFY_SOCKET=str(node.directory / "notify"), WATCHDOG_USEC="200000")
        told: list[str] = []

        def hear(wanted: str) -> str:
            while not (told and wanted in told[-1]):
                told.append(manager.recv(4096).decode())
            return told[-1]

        hear("EXTEND_TIMEOUT_USEC=")
        hear("READY=1")
        hear("STATUS=2 zones, 1 of 1 workers")
        hear("WATCHDOG=1")
        node.process.send_signal(signal.SIGHUP)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", hear("RELOADING=1"))
        hear("READY=1")
        node.process.send_signal(signal.SIGTERM)
        hear("STOPPING=1")
        assert node.wait() == 0


# -- commands ---------------------------------------------------------------------------------


def test_status_shows_what_there_is() -> None:
    with start_dnsd({**ZONES, "broken.example": "no zone\n"}) as node:
        node.query("www.example.com")
        found = json.loads(node.run("status", "--json", "--config", str(node.config)).stdout)
        assert found["pid"] == node.process.pid
        assert found["listen"] == [f"127.0.0.1:{node.port}"]
        assert found["counters"]["queries_udp"] == 1
        (worker,) = found["workers"]
        assert worker["listening"]
        assert worker["generation"] == found["generation"] >= 1
        states = {one["zone"]: one["state"] for one in found["zones"]}
        assert states == {
            "broken.example.": "broken",
            "example.com.": "served",
            "example.org.": "served",
        }
        shown = node.run("status", "--config", str(node.config))
        assert shown.returncode == 0
        for word in ("example.org.", "served", "broken", "queries udp", f"pid {node.process.pid}"):
            assert word in shown.stdout


@pytest.mark.parametrize("command", ["status", "reload"])
def test_a_node_that_does_not_run_is_status_3(command: str) -> None:
    with make_node(ZONES) as node:
        result = node.run(command, "--config", str(node.config))
        assert result.returncode == 3
        assert result.stderr.startswith("dnsd: dnsd is not running")
        assert result.stderr.count("\n") == 1
