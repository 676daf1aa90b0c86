"""The kernel and BIRD, as far as the route depends on them."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from dnsd.control.anycast.bird import BgpSession, BirdRoute, Protocol, Status
from dnsd.control.anycast.keeper import GRACEFUL_SHUTDOWN
from dnsd.control.anycast.netlink import Address, Link, NeighbourState, NextHop
from dnsd.errors import BirdError, VipError

NAME = "anycast0"
SESSIONS = {"edge4": "198.51.100.1", "edge6": "2001:db8::1"}
ESTABLISH_S = 1.5

Step = Callable[[], asyncio.Future[None]]


class Tun:
    """The interface of one master: what :class:`dnsd.daemon.carrier.Carrier` gives its carrier."""

    def __init__(self, kernel: Kernel, ifindex: int) -> None:
        self._kernel = kernel
        self.ifindex = ifindex
        self.up = self.has_carrier = False
        self.addresses: set[Address] = set()

    def carrier(self, up: bool) -> None:
        if self._kernel.tun is not self:
            raise VipError("it is gone")
        self.has_carrier = up
        self._kernel.tell()

    def close(self) -> None:
        if self._kernel.tun is self:
            self._kernel.delete()

    def duplicate(self) -> int:
        raise AssertionError("no master takes over from another here")


class Kernel:
    """Links and addresses; stands for :mod:`dnsd.control.anycast.netlink`, too."""

    def __init__(self, vips: tuple[str, ...]) -> None:
        self.vips = vips
        self.tun: Tun | None = None
        self.fails: Callable[[], bool] = _never
        self.is_router_silent: Callable[[], bool] = _never
        self.is_lo_down: Callable[[], bool] = _never
        self._made = 10
        self._listeners: set[asyncio.Event] = set()

    def make(self) -> Tun:
        if self.tun is not None:
            raise VipError(f"{NAME} exists")
        self._made += 1
        self.tun = Tun(self, self._made)
        self.tell()
        return self.tun

    def carries(self, vip: str) -> bool:
        """Whether there is a route to ``vip`` for BIRD to announce."""
        return self.tun is not None and self.tun.has_carrier and self.answers(vip)

    def answers(self, vip: str) -> bool:
        """Whether packets to ``vip`` are for this machine."""
        tun = self.tun
        return tun is not None and tun.up and any(one.text == vip for one in tun.addresses)

    def tell(self) -> None:
        for one in self._listeners:
            one.set()

    # -- what anybody may do ------------------------------------------------------------------

    def delete(self) -> None:
        self.tun = None
        self.tell()

    def set_down(self) -> None:
        if self.tun is not None:
            self.tun.up = False
            self.tun.addresses = {one for one in self.tun.addresses if ":" not in one.text}
            self.tell()

    def forget(self, vips: tuple[str, ...]) -> None:
        if self.tun is not None:
            self.tun.addresses = {one for one in self.tun.addresses if one.text not in vips}
            self.tell()

    # -- netlink ------------------------------------------------------------------------------

    def link(self, name: str) -> Link | None:
        self._fail()
        if name == "lo":
            up = not self.is_lo_down()
            return Link(1, "lo", "", up, up, b"", False)
        tun = self.tun
        if tun is None:
            return None
        return Link(tun.ifindex, NAME, "tun", tun.up, tun.has_carrier, b"", False)

    def links(self) -> tuple[Link, ...]:
        one = self.link(NAME)
        return () if one is None else (one,)

    def addresses(self) -> tuple[Address, ...]:
        self._fail()
        return () if self.tun is None else tuple(self.tun.addresses)

    def add(self, ifindex: int, text: str) -> None:
        self._of(ifindex).addresses.add(Address(ifindex, text, 128 if ":" in text else 32))
        self.tell()

    def remove(self, address: Address) -> None:
        self._of(address.ifindex).addresses.discard(address)
        self.tell()

    def set_up(self, ifindex: int) -> None:
        self._of(ifindex).up = True
        self.tell()

    def name_of(self, ifindex: int) -> str:
        return f"interface {ifindex}"

    def next_hop(self, _destination: str, source: str) -> NextHop:
        self._fail()
        return NextHop(SESSIONS["edge6" if ":" in source else "edge4"], 2)

    def reach(self, _hop: NextHop) -> NeighbourState:
        return NeighbourState.FAILED if self.is_router_silent() else NeighbourState.ANSWERS

    def _of(self, ifindex: int) -> Tun:
        self._fail()
        if self.tun is None or self.tun.ifindex != ifindex:
            raise VipError("the kernel refuses a change of links or addresses: no such device")
        return self.tun

    def _fail(self) -> None:
        if self.fails():
            raise VipError("cannot talk to the kernel by netlink: no buffer space")

    def events(self) -> Events:
        return Events(self._listeners)


class Events:
    """Stands for :class:`dnsd.control.anycast.linkevents.LinkEvents`."""

    def __init__(self, listeners: set[asyncio.Event]) -> None:
        self._listeners = listeners
        self._changed = asyncio.Event()

    def open(self) -> None:
        self._listeners.add(self._changed)

    def close(self) -> None:
        self._listeners.discard(self._changed)

    async def wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()


class Router:
    """BIRD: its configuration, its sessions, and the mark that it has read."""

    def __init__(self, kernel: Kernel, mark: Callable[[], bool | None]) -> None:
        self._kernel = kernel
        self._read_mark = mark
        self.down: Callable[[], bool] = _never
        self.refuses: Callable[[], bool] = _never
        self.hangs: Callable[[], bool] = _never
        self.cut: Callable[[], bool] = _never
        self.boots = 0
        self.start(0.0)

    def start(self, now: float) -> None:
        """Start, again perhaps: it reads its configuration, and its sessions take a while."""
        self.boots += 1
        self.established_at = now + ESTABLISH_S
        self.configure()

    def configure(self) -> None:
        """Read the configuration, which enables the protocol, and the mark."""
        self.enabled = True
        self.mark = bool(self._read_mark())

    def is_established(self, now: float) -> bool:
        return not self.down() and not self.cut() and now >= self.established_at

    def exports(self, vip: str, now: float) -> bool:
        """Whether routers send the clients of ``vip`` here."""
        return self.is_established(now) and self.enabled and self._kernel.carries(vip)


class Bird:
    """Stands for :class:`dnsd.control.anycast.bird.Bird`; ``step`` takes the time of a command."""

    TIMEOUT_S = 2.0

    def __init__(self, router: Router, kernel: Kernel, step: Step) -> None:
        self._router = router
        self._kernel = kernel
        self._step = step

    async def _ask(self) -> float:
        await self._step()
        if self._router.down():
            raise BirdError("BIRD cannot be reached (Connection refused)")
        if self._router.hangs():
            await asyncio.sleep(self.TIMEOUT_S)
            raise BirdError("BIRD does not answer in time")
        return asyncio.get_running_loop().time()

    async def status(self) -> Status:
        await self._ask()
        boot = f"boot {self._router.boots}"
        return Status("2.0.12", "192.0.2.1", boot, boot)

    async def protocol(self, name: str) -> Protocol:
        await self._ask()
        enabled = self._router.enabled
        return Protocol(name, "Direct", "up" if enabled else "down", not enabled, "noon", "")

    async def sessions(self) -> tuple[BgpSession, ...]:
        up = self._router.is_established(await self._ask())
        return tuple(BgpSession(name, up, peer, "Up", "") for name, peer in SESSIONS.items())

    async def exported(self, session: str) -> tuple[BirdRoute, ...]:
        now = await self._ask()
        return tuple(
            self._route(vip)
            for vip in self._kernel.vips
            if (":" in vip) == (":" in SESSIONS[session]) and self._router.exports(vip, now)
        )

    async def routes_for(self, vip: str) -> tuple[BirdRoute, ...]:
        await self._ask()
        carried = self._router.enabled and self._kernel.carries(vip)
        return (self._route(vip),) if carried else ()

    async def enable(self, _name: str) -> None:
        await self._ask()
        self._router.enabled = True

    async def disable(self, _name: str) -> None:
        await self._ask()
        self._router.enabled = False

    async def configure(self) -> None:
        await self._ask()
        if self._router.refuses():
            raise BirdError("BIRD refuses to configure: syntax error")
        self._router.configure()

    def _route(self, vip: str) -> BirdRoute:
        marks = (GRACEFUL_SHUTDOWN,) if self._router.mark else ()
        return BirdRoute(f"{vip}/{128 if ':' in vip else 32}", marks, "vip")


def _never() -> bool:
    return False


def not_there() -> OSError:
    return OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
