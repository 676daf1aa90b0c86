"""The BIRD adapter and a real BIRD: asked, told, stopped, killed, restarted, misconfigured."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest

from dnsd.config.anycast import BirdConfig as Config
from dnsd.control.anycast.bird import BgpSession, Bird, BirdRoute
from dnsd.control.anycast.statefile import write_state
from dnsd.errors import BirdError
from tests.conftest import needs
from tests.netspace import Space
from tests.support import PATIENCE, until

T = TypeVar("T")

pytestmark = needs("bird", "birdcl")

VIP = "192.0.2.53"
VIP6 = "2001:db8::53"
GRACEFUL_SHUTDOWN = (65535, 0)
SHORT = 0.3
"""Seconds after which a call ends that is meant to end so."""

ALONE = """\
router id 10.0.0.1;
log "{directory}/log" all;
include "{directory}/dnsd-state.conf";
protocol device {{ }}
protocol static vip {{
    ipv4 {{ import filter {{ if DNSD_DRAIN then bgp_community.add((65535, 0)); accept; }}; }};
    route 192.0.2.53/32 blackhole;
}}
protocol static rest {{ ipv4; route 192.0.2.0/24 blackhole; }}
"""


class RealBird:
    """A BIRD with all its files in ``directory``."""

    def __init__(self, directory: Path, text: str, start: Callable[..., object]) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.ctl = directory / "bird.ctl"
        self.state = directory / "dnsd-state.conf"
        self.file = directory / "bird.conf"
        write_state(self.state, False)
        self.file.write_text(text.format(directory=directory))
        self._start = start
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        files = {"-c": self.file, "-s": self.ctl, "-P": self.directory / "pid"}
        options = [text for option, path in files.items() for text in (option, str(path))]
        self._start(self._run, ["bird", "-f", *options])
        until(self._answers, f"BIRD answers; its log is in {self.directory}")

    def _run(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "BIRD has ended"
        with suppress(BirdError):
            return bool(ask(self, lambda bird: bird.status()).version)
        return False

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """Kill it, as a crash would: its socket stays behind."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def config(self, timeout: float = PATIENCE, client: str = "birdcl") -> Config:
        return Config(ctl=self.ctl, state_file=self.state, timeout=timeout, client=client)


def here(call: Callable[..., object], *arguments: object) -> object:
    """Start BIRD where the test runs: it has nothing to do with the network."""
    return call(*arguments)


@contextmanager
def running(real: RealBird) -> Iterator[RealBird]:
    real.start()
    try:
        yield real
    finally:
        real.kill()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealBird]:
    with running(RealBird(tmp_path, ALONE, here)) as started:
        yield started


def ask(
    real: RealBird, conversation: Callable[[Bird], Awaitable[T]], timeout: float = PATIENCE,
    client: str = "birdcl",
) -> T:  # fmt: skip
    """Hold ``conversation`` with a BIRD."""

    async def talk() -> T:
        bird = Bird(real.config(timeout, client))
        try:
            return await conversation(bird)
        finally:
            await bird.close()

    return asyncio.run(talk())


async def complaint(call: Awaitable[object]) -> str:
    with pytest.raises(BirdError) as caught:
        await call
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def eventually(call: Callable[[], Awaitable[T]], right: Callable[[T], bool]) -> T:
    """Call until there is the ``right`` answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(BirdError):
                if right(found := await call()):
                    return found
            await asyncio.sleep(0.02)


# -- one BIRD ---------------------------------------------------------------------------------


def test_bird_tells_what_it_is(real: RealBird) -> None:
    printed = subprocess.run(
        ["bird", "--version"], capture_output=True, text=True, check=True, timeout=PATIENCE
    )

    async def talk(bird: Bird) -> None:
        status = await bird.status()
        assert status.version in printed.stderr + printed.stdout
        assert status.router_id == "10.0.0.1"
        assert status.booted
        assert status.reconfigured
        vip = await bird.protocol("vip")
        assert (vip.name, vip.kind, vip.state, vip.disabled) == ("vip", "Static", "up", False)
        assert vip.since
        assert await bird.sessions() == ()
        assert await bird.routes_for(VIP) == (BirdRoute(f"{VIP}/32", (), "vip"),)
        assert await bird.routes_for("192.0.2.54") == ()
        assert await bird.routes_for(VIP6) == ()
        assert await bird.exported("vip") == ()

    ask(real, talk)


def test_an_unknown_protocol_is_told_as_such(real: RealBird) -> None:
    async def talk(bird: Bird) -> list[str]:
        calls = (bird.protocol, bird.disable, bird.enable, bird.exported)
        return [await complaint(call("nope")) for call in calls]

    assert all("has no protocol" in sentence and "nope" in sentence for sentence in ask(real, talk))


def test_disable_and_enable(real: RealBird) -> None:
    async def talk(bird: Bird) -> None:
        for _ in range(2):
            await bird.disable("vip")
            assert (await bird.protocol("vip")).disabled
            assert await bird.routes_for(VIP) == ()
        for _ in range(2):
            await bird.enable("vip")
            assert not (await bird.protocol("vip")).disabled
            assert len(await bird.routes_for(VIP)) == 1

    ask(real, talk)


def test_a_configure_enables_what_was_disabled(real: RealBird) -> None:
    """Why the carrier is the truth, and a disabled protocol never is."""

    async def talk(bird: Bird) -> None:
        await bird.disable("vip")
        await bird.configure()
        await eventually(lambda: bird.protocol("vip"), lambda found: not found.disabled)

    ask(real, talk)


def test_the_state_file_and_configure_mark_the_route(real: RealBird) -> None:
    async def talk(bird: Bird) -> None:
        for drain in (True, False, True):
            assert write_state(real.state, drain)
            await bird.configure()
            marked = (GRACEFUL_SHUTDOWN,) if drain else ()
            wanted = (BirdRoute(f"{VIP}/32", marked, "vip"),)
            await eventually(lambda: bird.routes_for(VIP), wanted.__eq__)

    ask(real, talk)


def test_many_configures_at_once(real: RealBird) -> None:
    async def talk(bird: Bird) -> None:
        before = await bird.status()

        async def configured() -> str:
            await asyncio.gather(*(bird.configure() for _ in range(50)))
            return (await bird.status()).reconfigured

        await eventually(configured, lambda found: found != before.reconfigured)

    ask(real, talk)


def test_a_wrong_configuration_is_refused_with_its_place(real: RealBird) -> None:
    good = real.file.read_text()

    async def talk(bird: Bird) -> None:
        before = await bird.status()
        real.file.write_text(good + "protocol nonsense {\n")
        line = good.count("\n") + 1
        assert f"refuses its configuration: {real.file}:{line}:" in await complaint(
            bird.configure()
        )
        assert await bird.status() == before
        real.file.unlink()
        assert f"{real.file}: No such file or directory" in await complaint(bird.configure())
        real.file.write_text(good)
        await bird.configure()

    ask(real, talk)


def test_a_state_file_that_is_gone_is_refused_with_its_place(real: RealBird) -> None:
    real.state.unlink()
    sentence = ask(real, lambda bird: complaint(bird.configure()))
    assert f"refuses its configuration: {real.file}:3:" in sentence
    assert str(real.state) in sentence


def test_a_restricted_client_is_told(real: RealBird, tmp_path: Path) -> None:
    client = tmp_path / "restricted"
    client.write_text('#!/bin/sh\nexec birdcl -r "$@"\n')
    client.chmod(0o755)

    async def talk(bird: Bird) -> None:
        assert (await bird.status()).router_id == "10.0.0.1"
        assert "this control socket is restricted" in await complaint(bird.disable("vip"))
        assert "this control socket is restricted" in await complaint(bird.configure())

    ask(real, talk, client=str(client))


def test_a_bird_that_is_stopped_is_told_and_asked_again_when_it_goes_on(real: RealBird) -> None:
    async def talk(bird: Bird) -> None:
        await eventually(bird.status, bool)
        real.signal(signal.SIGSTOP)
        try:
            calls = (bird.status(), bird.disable("vip"), bird.configure(), bird.sessions())
            sentences = await asyncio.gather(*(complaint(call) for call in calls))
            again = await complaint(bird.protocol("rest"))
        finally:
            real.signal(signal.SIGCONT)
        assert all("in time" in sentence for sentence in (*sentences, again))
        found = await eventually(lambda: bird.protocol("vip"), bool)
        assert found.name == "vip", "a late answer belongs to nobody"
        assert (await eventually(bird.status, bool)).router_id == "10.0.0.1"

    ask(real, talk, SHORT)


def test_a_bird_that_is_killed_and_comes_back(real: RealBird) -> None:
    async def talk(bird: Bird) -> None:
        before = await bird.status()
        real.kill()
        assert real.ctl.exists(), "this socket is stale"
        for _ in range(2):
            sentence = await complaint(bird.status())
            assert sentence.startswith(f"BIRD cannot be reached at {real.ctl} (Connection refused)")
        await asyncio.to_thread(real.start)
        after = await bird.status()
        assert after.booted != before.booted
        assert not (await bird.protocol("vip")).disabled

    ask(real, talk)


def test_a_restart_between_two_calls_is_not_noticed_but_by_its_time(real: RealBird) -> None:
    async def talk(bird: Bird) -> None:
        await bird.disable("vip")
        before = await bird.status()
        real.kill()
        await asyncio.to_thread(real.start)
        assert (await bird.status()).booted != before.booted
        assert not (await bird.protocol("vip")).disabled, "a new BIRD knows nothing of it"

    ask(real, talk)


def test_a_bird_that_was_never_there(tmp_path: Path) -> None:
    absent = RealBird(tmp_path, ALONE, here)
    sentence = ask(absent, lambda bird: complaint(bird.status()))
    assert sentence.startswith(
        f"BIRD cannot be reached at {absent.ctl} (No such file or directory)"
    )


# -- two BIRDs --------------------------------------------------------------------------------

SESSION = """\
protocol bfd {{ interface "*" {{ interval 100 ms; multiplier 5; }}; }}
template bgp neighbour {{
    bfd on;
    connect delay time 1;
    connect retry time 1;
    error wait time 1, 1;
    graceful restart off;
}}
"""
NODE = (
    """\
router id 10.0.0.1;
log "{directory}/log" all;
include "{directory}/dnsd-state.conf";
protocol device {{ }}
protocol static vip {{ ipv4; route 192.0.2.53/32 blackhole; }}
protocol static vip6 {{ ipv6; route 2001:db8::53/128 blackhole; }}
protocol static rest {{ ipv4; route 198.51.100.0/24 blackhole; }}
filter vips {{
    if ! (proto ~ "vip*") then reject;
    if DNSD_DRAIN then bgp_community.add((65535, 0));
    accept;
}}
"""
    + SESSION
    + """\
protocol bgp r4 from neighbour {{
    local 10.0.0.1 as 65001;
    neighbor 10.0.0.2 as 65000;
    ipv4 {{ import none; export filter vips; }};
}}
protocol bgp r6 from neighbour {{
    local fe80::1 as 65001;
    neighbor fe80::2 as 65000;
    interface "eth0";
    ipv6 {{ import none; export filter vips; }};
}}
"""
)
ROUTER = (
    """\
router id 10.0.0.2;
log "{directory}/log" all;
protocol device {{ }}
protocol static another {{ ipv4; route 192.0.2.53/32 blackhole; }}
"""
    + SESSION
    + """\
protocol bgp n4 from neighbour {{
    local 10.0.0.2 as 65000;
    neighbor 10.0.0.1 as 65001;
    ipv4 {{ import all; export none; }};
}}
protocol bgp n6 from neighbour {{
    local fe80::2 as 65000;
    neighbor fe80::1 as 65001;
    interface "eth0";
    ipv6 {{ import all; export none; }};
}}
"""
)
UP = (
    BgpSession("r4", True, "10.0.0.2", "Up", ""),
    BgpSession("r6", True, "fe80::2%eth0", "Up", ""),
)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RealBird, RealBird]]:
    """A node and its router, on one link, with BGP and BFD between them."""
    with Space() as near, Space() as far:
        near.join(far, "eth0", "eth0")
        for number, space in enumerate((near, far), 1):
            space.ip("link set lo up", f"address add 10.0.0.{number}/24 dev eth0")
            space.ip(f"address add fe80::{number}/64 dev eth0 nodad")
        node = RealBird(tmp_path / "node", NODE, near)
        router = RealBird(tmp_path / "router", ROUTER, far)
        with running(node), running(router):
            yield node, router


@needs("ip")
def test_what_the_router_gets(pair: tuple[RealBird, RealBird]) -> None:
    node, router = pair

    async def far(there: Bird, wanted: set[BirdRoute], vip: str) -> None:
        await eventually(lambda: there.routes_for(vip), lambda found: set(found) == wanted)

    async def near(bird: Bird) -> None:
        there = Bird(router.config())
        try:
            assert await eventually(bird.sessions, UP.__eq__) == UP
            for drain in (False, True, False):
                write_state(node.state, drain)
                await bird.configure()
                marks = (GRACEFUL_SHUTDOWN,) if drain else ()
                v4, v6 = (
                    (BirdRoute(f"{VIP}/32", marks, "vip"),),
                    (BirdRoute(f"{VIP6}/128", marks, "vip6"),),
                )
                await eventually(lambda: bird.exported("r4"), v4.__eq__)
                await eventually(lambda: bird.exported("r6"), v6.__eq__)
                another = BirdRoute(f"{VIP}/32", (), "another")
                await far(there, {another, BirdRoute(f"{VIP}/32", marks, "n4")}, VIP)
                await far(there, {BirdRoute(f"{VIP6}/128", marks, "n6")}, VIP6)
                assert await bird.sessions() == UP, "a drain resets no session"
            await bird.disable("vip")
            await far(there, {another}, VIP)
            assert await bird.exported("r4") == ()
            assert await bird.exported("r6") != ()
            await bird.enable("vip")
            await far(there, {another, BirdRoute(f"{VIP}/32", (), "n4")}, VIP)
        finally:
            await there.close()

    ask(node, near)


@needs("ip")
def test_a_router_that_dies(pair: tuple[RealBird, RealBird]) -> None:
    node, router = pair

    async def talk(bird: Bird) -> None:
        await eventually(bird.sessions, UP.__eq__)
        router.kill()
        found = await eventually(
            bird.sessions, lambda found: not any(session.established for session in found)
        )
        assert [session.name for session in found] == ["r4", "r6"]
        assert all(session.info for session in found), "why it is down"
        assert await bird.exported("r4") == ()
        assert await bird.exported("r6") == ()
        await eventually(bird.sessions, lambda found: all(one.bfd != "Up" for one in found))
        await asyncio.to_thread(router.start)
        await eventually(bird.sessions, UP.__eq__)

    ask(node, talk)
