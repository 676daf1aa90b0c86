"""The VIPs, on a real kernel: interface, carrier, addresses, and neighbours who have one already.

Each test has network namespaces of its own, see :mod:`tests.netspace`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from dnsd.control.anycast import netlink
from dnsd.control.anycast.linkevents import LinkEvents
from dnsd.control.anycast.netlink import Link
from dnsd.control.anycast.vip import Vips, VipSurvey
from dnsd.daemon import tun
from dnsd.daemon.tun import Tun
from dnsd.errors import VipError
from tests.conftest import needs
from tests.netspace import Space
from tests.support import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

pytestmark = needs("ip")

NAME = "anycast0"
V4 = "192.0.2.53"
V6 = "2001:db8::53"
VIPS = (V4, V6)

HOLD = f"""
import sys
from dnsd.daemon.tun import Tun
held = Tun({NAME!r})
print("held", flush=True)
sys.stdin.read()
"""

HOLD_AND_START = f"""
import subprocess, sys
from dnsd.daemon.tun import Tun
held = Tun({NAME!r})
other = subprocess.Popen(["sleep", "60"], close_fds=False)
print(other.pid, flush=True)
sys.stdin.read()
"""

LINK_GROUP = 1
NEWLINK, DELLINK = 16, 17
LOWER_UP = 0x10000
HEADER = Struct("IHHII")
IFINFO = Struct("BxHiII")


class Watch:
    """What the kernel has told of one link so far, as BIRD hears it. Never waits."""

    def __init__(self, name: str) -> None:
        self._index = socket.if_nametoindex(name)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.setblocking(False)
        self._socket.bind((0, LINK_GROUP))

    def news(self) -> list[str]:
        """Return "up", "down" (the carrier) or "gone" for each message since the last call."""
        found = []
        with suppress(BlockingIOError):
            while True:
                message = self._socket.recv(65536)
                _, kind, *_ = HEADER.unpack_from(message)
                _, _, index, flags, _ = IFINFO.unpack_from(message, HEADER.size)
                if index == self._index and kind == DELLINK:
                    found.append("gone")
                elif index == self._index and kind == NEWLINK:
                    found.append("up" if flags & LOWER_UP else "down")
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def space() -> Iterator[Space]:
    with Space() as made:
        made.ip("link set lo up")
        yield made


@pytest.fixture
def other() -> Iterator[Space]:
    with Space() as made:
        yield made


@pytest.fixture
def held(space: Space) -> Iterator[Tun]:
    with space(Tun, NAME) as made:
        yield made


def ask(
    space: Space, method: Callable[[Vips], Awaitable[Any]], vips: tuple[str, ...] = VIPS
) -> Any:
    """Call a method of Vips in a namespace, with an event loop that runs."""

    async def work() -> Any:
        found = Vips(NAME, vips)
        try:
            return await method(found)
        finally:
            found.close()

    return space(asyncio.run, work())


def names(space: Space) -> set[str]:
    return {name for _, name in space(socket.if_nameindex)}


def standing(space: Space) -> set[str]:
    return {str(one) for one in space(netlink.addresses) if one.ifindex != 1 and not one.link_local}


def link(space: Space, name: str = NAME) -> Link:
    found = space(netlink.link, name)
    assert found
    return found


def link_local(space: Space) -> set[str]:
    return {one.text for one in space(netlink.addresses) if one.link_local}


# -- the interface ----------------------------------------------------------------------------


def test_tun_is_made_down_without_carrier_and_ends_when_it_is_closed(space: Space) -> None:
    with space(Tun, NAME) as made:
        new = link(space)
        assert (new.kind, new.up, new.carrier, new.segment) == ("tun", False, False, False)
        space.ip(f"link set {NAME} up")
        assert not link(space).carrier
        made.close()
        assert NAME not in names(space)


def test_tun_carrier_is_known_at_once_while_another_link_flaps(space: Space, held: Tun) -> None:
    space.ip(f"link set {NAME} up", "link add one type veth peer name two", "link set one up")
    watch = space(Watch, NAME)
    try:
        for _ in range(3):
            for up, word in ((True, "up"), (False, "down")):
                space.ip("link set two up", "link set two down")
                watch.news()
                space(held.carrier, up)
                news = watch.news()
                assert news
                assert set(news) == {word}
    finally:
        watch.close()


def test_tun_carrier_when_it_is_so_already(space: Space, held: Tun) -> None:
    space.ip(f"link set {NAME} up")
    for up in (False, True, True):
        space(held.carrier, up)
        assert link(space).carrier is up


def test_tun_ends_with_its_holder(space: Space) -> None:
    with space.python(HOLD) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        ask(space, Vips.establish)
        watch = space(Watch, NAME)
        holder.kill()
        holder.wait()
        # The kernel takes it away before the process has ended for its parent.
        assert "gone" in watch.news()
        watch.close()
    assert NAME not in names(space)
    assert standing(space) == set()


def test_tun_is_not_kept_by_a_program_that_its_holder_has_started(space: Space) -> None:
    with space.python(HOLD_AND_START) as holder:
        assert holder.stdout
        started = int(holder.stdout.readline())
        try:
            holder.kill()
            holder.wait()
            os.kill(started, 0)
            assert NAME not in names(space)
        finally:
            os.kill(started, signal.SIGKILL)


def test_tun_waits_for_a_dying_predecessor(space: Space) -> None:
    with space.python(HOLD) as holder:
        assert holder.stdout
        holder.stdout.readline()
        pauses = []

        def die(pause: float) -> None:
            pauses.append(pause)
            holder.kill()
            holder.wait()

        space(Tun, NAME, die).close()
        assert len(pauses) == 1


def test_tun_held_by_another_process_is_refused(space: Space, other: Space) -> None:
    with other.python(HOLD) as stranger, space.python(HOLD) as holder:
        assert holder.stdout
        assert stranger.stdout
        holder.stdout.readline()
        stranger.stdout.readline()
        pauses: list[float] = []
        with pytest.raises(VipError, match=rf"another process holds .*\(pid {holder.pid}\)"):
            space(Tun, NAME, pauses.append)
        assert sum(pauses) == pytest.approx(tun.PATIENCE_S, abs=0.1)


@pytest.mark.parametrize(
    "make",
    [
        f"link add {NAME} type bridge",
        f"link add {NAME} type veth peer name other",
        f"tuntap add {NAME} mode tap",
    ],
)
def test_tun_refuses_the_name_of_another_interface(space: Space, make: str) -> None:
    space.ip(make)
    with pytest.raises(VipError, match=f"interface {NAME}: an interface of this name exists"):
        space(Tun, NAME)
    assert NAME in names(space)


def test_tun_refuses_a_persistent_one_and_leaves_it(space: Space) -> None:
    space.ip(f"tuntap add {NAME} mode tun")
    with pytest.raises(VipError, match=f"persistent tun.*`ip link delete {NAME}`"):
        space(Tun, NAME)
    assert NAME in names(space)


def test_tun_says_when_it_has_been_deleted(space: Space, held: Tun) -> None:
    space.ip(f"link delete {NAME}")
    with pytest.raises(VipError, match=f"{NAME} has been deleted"):
        space(held.carrier, True)


@needs("setpriv")
@pytest.mark.parametrize(
    ("capability", "code", "sentence"),
    [
        ("net_admin", f"from dnsd.daemon.tun import Tun; Tun({NAME!r})", "CAP_NET_ADMIN"),
        (
            "net_admin",
            "from dnsd.control.anycast import netlink; netlink.add(1, '192.0.2.53')",
            "CAP_NET_ADMIN",
        ),
        (
            "net_raw",
            "from dnsd.control.anycast import neighbours, netlink;"
            "neighbours.ask(netlink.links(), ('192.0.2.53',))",
            "CAP_NET_RAW",
        ),
    ],
)
def test_vip_says_which_capability_is_missing(
    space: Space, capability: str, code: str, sentence: str
) -> None:
    space.ip("link add one type veth peer name two", "link set one up", "link set two up")
    bound = f"--bounding-set=-{capability}"
    done = space.run("setpriv", bound, sys.executable, "-c", code, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("dnsd.errors.VipError: cannot ")
    assert sentence in last


# -- the addresses ----------------------------------------------------------------------------


def test_vip_survey_without_an_interface(space: Space) -> None:
    assert ask(space, Vips.survey) == VipSurvey(False, False, False, frozenset(), {})
    with pytest.raises(VipError, match=f"{NAME} has been deleted"):
        ask(space, Vips.establish)


@pytest.mark.usefixtures("held")
def test_vip_establish_can_be_used_at_once_and_before_there_is_a_carrier(space: Space) -> None:
    ask(space, Vips.establish)
    assert ask(space, Vips.survey) == VipSurvey(True, True, False, frozenset(VIPS), {})

    def question(address: str, family: int) -> bytes:
        with socket.socket(family, socket.SOCK_DGRAM) as server:
            server.settimeout(10)
            server.bind((address, 53))
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.connect((address, 53))
                client.send(b"hello")
                return server.recv(100)

    assert space(question, V4, socket.AF_INET) == b"hello"
    assert space(question, V6, socket.AF_INET6) == b"hello"


def test_vip_establish_removes_leftovers_and_what_is_wrong(space: Space, held: Tun) -> None:
    space.ip(
        f"link set {NAME} up",
        f"address add 192.0.2.99/32 dev {NAME}",
        f"address add 2001:db8::99/64 dev {NAME}",
        f"address add {V4}/24 dev {NAME}",
        f"address add {V6}/64 dev {NAME}",
    )
    space(held.carrier, True)
    local = link_local(space)
    assert local
    assert ask(space, Vips.survey).addresses == {"192.0.2.99"}
    for _ in range(2):
        ask(space, Vips.establish)
        assert standing(space) == {f"{V4}/32", f"{V6}/128"}
    assert link_local(space) == local
    assert ask(space, Vips.survey) == VipSurvey(True, True, True, frozenset(VIPS), {})


@pytest.mark.usefixtures("held")
def test_vip_establish_repairs_what_was_taken_down(space: Space) -> None:
    ask(space, Vips.establish)
    space.ip(f"link set {NAME} down")  # IPv6 addresses go with it
    assert ask(space, Vips.survey).addresses == {V4}
    ask(space, Vips.establish)
    assert ask(space, Vips.survey) == VipSurvey(True, True, False, frozenset(VIPS), {})


@pytest.mark.usefixtures("held")
def test_vip_establish_makes_no_route_but_the_local_ones(space: Space) -> None:
    ask(space, Vips.establish)
    for family in ("-4", "-6"):
        shown = space.run("ip", family, "route", "show", "table", "main").stdout
        assert V4 not in shown
        assert V6 not in shown


@pytest.mark.usefixtures("held")
def test_vip_establish_asks_for_no_duplicate_address_detection(space: Space) -> None:
    ask(space, Vips.establish)
    shown = space.run("ip", "-6", "address", "show", "dev", NAME, "scope", "global").stdout
    assert f"{V6}/128 scope global nodad noprefixroute" in shown


def test_vip_establish_leaves_an_ordinary_interface_alone(space: Space) -> None:
    space.ip(f"link add {NAME} type bridge", f"address add 198.51.100.1/24 dev {NAME}")
    with pytest.raises(VipError, match=f"{NAME} is not the tun"):
        ask(space, Vips.establish)
    assert standing(space) == {"198.51.100.1/24"}


@pytest.mark.usefixtures("held")
def test_vip_establish_says_where_ipv6_is_disabled(space: Space) -> None:
    setting = Path(f"/proc/sys/net/ipv6/conf/{NAME}/disable_ipv6")
    space(setting.write_text, "1")
    with pytest.raises(VipError, match=rf"{V6}: IPv6 is disabled.*conf\.{NAME}\.disable_ipv6=0"):
        ask(space, Vips.establish)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.usefixtures("held")
def test_vip_does_not_block_the_loop(
    space: Space, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    asked, go = threading.Event(), threading.Event()
    addresses = netlink.addresses

    def slowly() -> Any:
        asked.set()
        assert go.wait(30), "the loop does not run"
        return addresses()

    monkeypatch.setattr(netlink, "addresses", slowly)

    async def work() -> VipSurvey:
        vips = Vips(NAME, VIPS)
        survey = asyncio.ensure_future(vips.survey())
        while not asked.is_set():
            await asyncio.sleep(0.001)
        go.set()
        try:
            return await survey
        finally:
            vips.close()

    assert space(run, work()).exists


# -- conflicts --------------------------------------------------------------------------------


def test_vip_conflict_with_another_interface_of_this_machine(space: Space, held: Tun) -> None:
    del held
    space.ip(f"address add {V4}/32 dev lo", f"address add {V6}/64 dev lo")
    ask(space, Vips.establish)
    assert ask(space, Vips.survey).elsewhere == {V4: "lo", V6: "lo"}
    first, second = ask(space, Vips.conflicts)
    assert f"{V4} is an ordinary address of lo" in first
    assert f"`ip address delete {V6}/64 dev lo`" in second


@pytest.mark.usefixtures("held")
def test_vip_no_conflict_on_quiet_links_nor_with_oneself(space: Space, other: Space) -> None:
    space.join(other, "up0", "router")
    space.ip("link add one type veth peer name two", "link set one up", "link set two up")
    other.ip("address add 192.0.2.1/24 dev router", "address add 2001:db8::1/64 dev router nodad")
    ask(space, Vips.establish)
    # On "one" and "two" this node answers its own probe.
    assert ask(space, Vips.conflicts) == ()


@pytest.mark.parametrize(("address", "what"), [(V4, "ARP"), (V6, "neighbour discovery")])
def test_vip_conflict_with_a_neighbour(space: Space, other: Space, address: str, what: str) -> None:
    space.join(other, "up0", "server")
    mac = link(other, "server").mac.hex(":")
    options = "nodad" if ":" in address else ""
    other.ip(f"address add {address}/{64 if options else 24} dev server {options}")
    (sentence,) = ask(space, Vips.conflicts)
    assert sentence.startswith(
        f"the VIP {address} is an ordinary address of another machine: {mac} answers"
    )
    assert f"answers {what} for it on up0" in sentence


def test_vip_conflict_with_another_node_until_it_ignores_arp(space: Space, other: Space) -> None:
    space.join(other, "up0", "up0")
    with other(Tun, NAME):
        ask(other, Vips.establish)
        (sentence,) = ask(space, Vips.conflicts)
        assert V4 in sentence
        assert "net.ipv4.conf.all.arp_ignore=1" in sentence
        other(Path("/proc/sys/net/ipv4/conf/all/arp_ignore").write_text, "1")
        assert ask(space, Vips.conflicts) == ()


def test_vip_neighbours_are_asked_only_where_there_are_any(space: Space, other: Space) -> None:
    space.join(other, "up0", "server")
    other.ip(f"address add {V4}/24 dev server")
    assert link(space, "up0").segment
    space.ip("link set up0 down")
    assert not link(space, "up0").segment
    assert ask(space, Vips.conflicts) == ()
    space.ip("link add br0 type bridge", "link set br0 up", "link set up0 master br0 up")
    until(lambda: link(space, "br0").carrier, "the bridge forwards")
    (sentence,) = ask(space, Vips.conflicts)
    assert "on br0" in sentence
    assert [one.name for one in space(netlink.links) if one.segment] == ["br0"]


def test_vip_no_conflict_with_a_router_that_answers_arp_for_others(
    space: Space, other: Space
) -> None:
    space.join(other, "up0", "router")
    other.ip("link add to type bridge", "link set to up", f"route add {V4}/32 dev to")
    other(Path("/proc/sys/net/ipv4/conf/router/proxy_arp").write_text, "1")
    other(Path("/proc/sys/net/ipv4/ip_forward").write_text, "1")
    assert ask(space, Vips.conflicts) == ()


# -- advice -----------------------------------------------------------------------------------


def test_vip_advice_reads_the_settings_of_this_namespace(space: Space, other: Space) -> None:
    space.join(other, "up0", "router")
    space(Path("/proc/sys/net/ipv4/ip_forward").write_text, "1")
    space(Path("/proc/sys/net/ipv4/conf/up0/arp_announce").write_text, "2")
    forward, arp = ask(space, Vips.advice)
    assert forward.startswith("net.ipv4.ip_forward is 1")
    assert arp.startswith("net.ipv4.conf.all.arp_ignore is 0: on up0")
    space(Path("/proc/sys/net/ipv4/ip_forward").write_text, "0")
    space(Path("/proc/sys/net/ipv4/conf/all/arp_ignore").write_text, "1")
    assert ask(space, Vips.advice) == ()


# -- events -----------------------------------------------------------------------------------


def test_link_events_end_a_wait_and_are_not_lost_while_nothing_waits(
    space: Space, held: Tun
) -> None:
    async def changes_seen() -> int:
        events, seen = LinkEvents(), 0
        events.open()
        events.open()  # it listens already
        try:
            for change in (f"link set {NAME} up", f"addr add {VIPS[0]}/32 dev {NAME}"):
                # in the thread of the namespace, which this is
                subprocess.run(["ip", *change.split()], check=True)
                await asyncio.sleep(0.1)
                began = time.monotonic()
                await events.wait(PATIENCE)
                seen += time.monotonic() - began < PATIENCE / 2
                await events.wait(0)
            return seen
        finally:
            events.close()

    assert held.name == NAME
    assert space(asyncio.run, changes_seen()) == 2
