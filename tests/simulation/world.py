"""The world of one node: what may happen to it, the laws it is to keep, and the story of it."""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dnsd.announce.damping import LONGEST_S
from dnsd.announce.reach import WINDOW, ProbeResult, Reach
from dnsd.checks.result import ServiceFault
from dnsd.cli.orders import outcome
from dnsd.config import Anycast, Config, Endpoint, Http, Server
from dnsd.config.anycast import BirdConfig, Probe, SelfCheckConfig, SelfCheckQuery
from dnsd.control.anycast import statefile
from dnsd.control.anycast.commands import commands
from dnsd.control.anycast.netlink import Address
from dnsd.control.anycast.orderbook import FILE as ORDERS_FILE
from dnsd.control.anycast.pastkeeper import FILE as PAST
from dnsd.control.anycast.probes import Probes
from dnsd.errors import BirdError
from dnsd.process import durablefile
from dnsd.process.exchange import ServerAddress
from tests.jumping import Jumping
from tests.simulation.kernel import Kernel, Router, not_there
from tests.simulation.laws import HOLD_S, START_S, Broken, Laws
from tests.simulation.machine import TICK_S, Node
from tests.simulation.processes import Jobs

VIPS = ("192.0.2.53", "2001:db8:53::53")
HERE, OTHERS = "198.51.100.2", ("198.51.100.71", "198.51.100.72")
MISS_S = 0.25
LOOK_S = 0.02
_EPOCH = 1_700_000_000.0


class Event(NamedTuple):
    """``what`` happens ``after`` so many seconds, and lasts ``amount`` seconds, if it lasts."""

    after: float
    what: str
    amount: float = 1.0


FAILURES = frozenset({"kill_node", "reboot", "lose_orders"})
REPAIRS = frozenset({"delete_vip", "delete_vips", "delete_link", "link_down", "carrier_off"})
"""What takes a node off the route besides silence and orders. Nothing else may, alone."""

HARMLESS = frozenset(
    {
        "hang_one",
        "crash_one",
        "wrong",
        "router_silent",
        "foreign",
        "claimed",
        "netlink_fails",
        "carrier_on",
        "unreached",
        "one_denies",
        "others_silent",
        "lo_down",
    }
    | {"kill_control", "kill_control_at", "disk_full", "disk_slow", "mark_stuck"}
    | {"bird_stops", "bird_hangs", "bird_refuses", "bird_configured", "bird_cut"}
)
SOFT = frozenset({"wrong", "router_silent", "disk_full", "disk_slow", "unreached", "lo_down"})
"""What drains a node. Nothing else may, but orders, and that they are lost."""
SILENCES = frozenset({"hang_all", "crash_all"})
ORDERS = frozenset({"drain", "drain_for", "undrain", "withdraw", "withdraw_for", "announce"})
KINDS = sorted(FAILURES | REPAIRS | HARMLESS | SILENCES | ORDERS)


class World:
    """A node and all around it."""

    def __init__(self, loop: Jumping, directory: Path, seed: int) -> None:
        self._loop = loop
        self._random = random.Random(seed)
        self.state = directory / "state"
        self.state.mkdir(mode=0o700)
        self.state_file = directory / "bird.conf"
        self.config = Config(
            server=Server(state_directory=self.state),
            http=Http(listen=(Endpoint("127.0.0.1", 9153),)),
            anycast=Anycast(
                enabled=True,
                vips=VIPS,
                subnets=("192.0.2.0/24", "2001:db8:53::/48"),
                hold_down=HOLD_S,
                heartbeat_miss=MISS_S,
                check=SelfCheckConfig(interval=0.5, fall=3, rise=3),
                query=(SelfCheckQuery(name="example.com."),),
                bird=BirdConfig(state_file=self.state_file),
                probe=tuple(
                    Probe(url=Endpoint(other, 9153), servers=(Endpoint(other, 53),))
                    for other in OTHERS
                ),
            ),
        )
        self.jobs = Jobs(loop, seed)
        self.jobs.delay = lambda kind: 4.0 if self.has("disk_slow") and kind in _ON_DISK else 0.0
        self.kernel = Kernel(VIPS)
        self.kernel.fails = lambda: self.has("netlink_fails")
        self.kernel.is_router_silent = lambda: self.has("router_silent")
        self.kernel.is_lo_down = lambda: self.has("lo_down")
        self.router = Router(self.kernel, lambda: statefile.read_state(self.state_file))
        for name in ("down", "refuses", "hangs", "cut"):
            setattr(self.router, name, lambda name=name: self.has(_BIRD[name]))
        self._until: dict[str, float] = {}
        self.node: Node | None = None
        self._node_due = 0.0
        self.boot = 1
        self.operators: set[asyncio.Task[Any]] = set()
        self.statuses: list[int] = []
        self.laws = Laws(loop.now)

    @property
    def now(self) -> float:
        return self._loop.now

    def has(self, fault: str) -> bool:
        return self._loop.now < self._until.get(fault, 0.0)

    # -- what stands for sockets and disks ------------------------------------------------------

    async def ask(self, peer: ServerAddress, _packet: bytes) -> bytes:
        """Answer a self-check as the node would."""
        if not self.kernel.answers(peer.address):
            raise not_there()
        if self.has("lo_down"):
            await asyncio.sleep(3600)
        serving = [] if self.node is None else [one for one in self.node.workers if one.serving]
        if not serving:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        worker = self._random.choice(serving)
        if self._loop.now < worker.hangs_until:
            await asyncio.sleep(3600)
        await asyncio.sleep(0.001)
        return b"wrong" if self.has("wrong") else b"right"

    def replace(self, path: Path, *data: bytes, mode: int = durablefile.OWN) -> None:
        """Write on this disk, as ``durablefile.replace`` does; not BIRD's file."""
        if mode == durablefile.OWN and self.has("disk_full"):
            raise OSError(errno.ENOSPC, "No space left on device")
        _replace(path, *data, mode=mode)

    def write_mark(self, path: Path, drain: bool) -> bool:
        if self.has("mark_stuck"):
            raise BirdError(f"{path}: cannot be written (Read-only file system)")
        return statefile.write_state(path, drain)

    def disk_fault(self, _directory: Path) -> str:
        return "the state directory cannot be written" if self.has("disk_full") else ""

    def claims(self, _links: object, _vips: object) -> tuple[str, ...]:
        return ("198.51.100.7 has the VIP",) if self.has("claimed") else ()

    def probes(self) -> Probes:
        return Probes("here", self.config, self.probe, self.page)

    async def probe(self, server: Endpoint) -> str:
        return server.address

    async def page(self, url: Endpoint) -> bytes:
        """Return what another node says of this one."""
        alone = self.has("one_denies")
        if self.has("others_silent") or (alone and url.address != OTHERS[0]):
            raise ServiceFault("did not answer within 1s")
        denies = self.has("unreached") or alone
        servers = (
            ProbeResult(server=f"{HERE}:53", asked=WINDOW, answered=0 if denies else WINDOW),
            ProbeResult(server=f"{OTHERS[-1]}:53", asked=WINDOW, answered=WINDOW),
        )
        return msgspec.json.encode(Reach(node=url.address, servers=servers))

    # -- events -------------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        """Have ``event`` happen."""
        now = self._loop.now
        laws = self.laws
        if event.what == "netlink_fails" and self.has("given"):
            self._until["given"] += event.amount
        if event.what in REPAIRS:
            laws.repair(now)
        elif event.what in FAILURES:
            laws.fail(now + event.amount)
        laws.soft |= event.what in SOFT
        if not self.carried or self.has("netlink_fails"):
            laws.excuse(now + event.amount)
        if event.what.startswith(("bird", "mark")):
            laws.bird_trouble_at = max(laws.bird_trouble_at, now + event.amount)
        if hasattr(self, f"_{event.what}"):
            getattr(self, f"_{event.what}")(event.amount)
        elif event.what in ORDERS:
            self.operators.add(self._loop.create_task(self._order(event)))
        else:
            assert event.what in HARMLESS
            self._until[event.what] = now + event.amount

    def end_all_faults(self) -> None:
        # That a carrier was given is over, but a look has yet to find out.
        self._until = {"given": self._until.get("given", 0.0)}
        self.jobs.trap = 0
        self._node_due = min(self._node_due, self._loop.now)
        self.laws.bird_trouble_at = self._loop.now
        if not self.carried:
            self.laws.excuse(self._loop.now)

    def _lo_down(self, seconds: float) -> None:
        self._until["lo_down"] = self._loop.now + seconds
        self.kernel.tell()
        self._loop.call_later(seconds, self.kernel.tell)

    def _hang_one(self, seconds: float) -> None:
        if self.node:
            self.node.workers[0].hangs_until = self._loop.now + seconds

    def _hang_all(self, seconds: float) -> None:
        for worker in self.node.workers if self.node else ():
            worker.hangs_until = self._loop.now + seconds

    def _crash_one(self, _: float) -> None:
        if self.node:
            self.node.workers[1].kill(self._loop.now)

    def _crash_all(self, _: float) -> None:
        for worker in self.node.workers if self.node else ():
            worker.kill(self._loop.now)

    def _delete_vip(self, _: float) -> None:
        self.kernel.forget(VIPS[:1])

    def _delete_vips(self, _: float) -> None:
        self.kernel.forget(VIPS)

    def _delete_link(self, _: float) -> None:
        self.kernel.delete()

    def _link_down(self, _: float) -> None:
        self.kernel.set_down()

    def _carrier_off(self, _: float) -> None:
        if self.kernel.tun:
            self.kernel.tun.carrier(False)

    def _carrier_on(self, _: float) -> None:
        """Somebody gives a carrier that dnsd has not ordered: it is taken again, by a look."""
        if self.kernel.tun:
            self.kernel.tun.carrier(True)
            blind = max(0.0, self._until.get("netlink_fails", 0.0) - self._loop.now)
            self._until["given"] = self._loop.now + blind + 3.0

    def _foreign(self, _: float) -> None:
        if self.kernel.tun:
            self.kernel.tun.addresses.add(Address(self.kernel.tun.ifindex, "203.0.113.9", 32))
            self.kernel.tell()

    def _bird_stops(self, seconds: float) -> None:
        self._until["bird_stops"] = self._loop.now + seconds
        self._loop.call_later(seconds, lambda: self.router.start(self._loop.now))

    def _bird_configured(self, _: float) -> None:
        if not self.has("bird_refuses") and not self.has("bird_stops"):
            self.router.configure()

    def _kill_control(self, _: float) -> None:
        if self.node:
            self.node.kill_control()

    def _kill_control_at(self, amount: float) -> None:
        self.jobs.trap = 1 + int(amount)

    def _kill_node(self, seconds: float) -> None:
        if self.node is None:
            return
        self.node.kill()
        self.node = None
        self.laws.forget()
        if self.kernel.tun:
            self.kernel.delete()
        self._node_due = self._loop.now + seconds

    def _lose_orders(self, seconds: float) -> None:
        """Kill the node, and have the file of its orders be gone when it comes back."""
        self._kill_node(seconds)
        self.laws.lose_orders(known=(self.state / PAST).exists())
        (self.state / ORDERS_FILE).unlink(missing_ok=True)

    def _reboot(self, seconds: float) -> None:
        self._kill_node(seconds)
        self.boot += 1

    # -- operators ----------------------------------------------------------------------------

    async def _order(self, event: Event) -> None:
        """Give an order, and note what has to hold from now on."""
        plane = None if self.node is None else self.node.plane
        process = None if self.node is None else self.node.control
        if plane is None or process is None or process.dead:
            return  # "control is down": nothing was ordered
        name, wanted, lasts = _MEANS[event.what]
        command = event.what.removesuffix("_for")
        # Whether others announce is asked before an order is one: here each order is one.
        request = {"force": True, **({"for": event.amount} if lasts else {})}
        until = self._loop.now + event.amount if lasts else float("inf")
        number = self.laws.ask(name, wanted, ends=lasts)
        answer: Coroutine[Any, Any, Any] = commands(plane)[command](request)  # type: ignore[assignment]
        try:
            found = await process.begin(answer)
        except asyncio.CancelledError:
            return  # no answer: both may be so
        self.statuses.append(outcome(command, found))
        if found["unwritten"] or not self.statuses[-1]:
            self.laws.keep(name, wanted, on_disk=not found["unwritten"])
        if self._loop.now < until - TICK_S:
            obeyed = not self.statuses[-1]
            self.laws.acknowledge(name, wanted, number, until, obeyed=obeyed)

    @property
    def carried(self) -> bool:
        return any(map(self.kernel.carries, VIPS))

    def exported(self) -> list[str]:
        return [one for one in VIPS if self.router.exports(one, self._loop.now)]

    # -- the story ----------------------------------------------------------------------------

    async def live(self) -> None:
        """Start the node whenever there is none, for ever."""
        while True:
            if self.node is None and self._loop.now >= self._node_due:
                self.node = Node(self.config, self.kernel, self._random.random(), self.probes)
            await asyncio.sleep(LOOK_S)
            self.laws.judge(self)

    async def play(self, story: list[Event]) -> None:
        living = self._loop.create_task(self.live())
        try:
            await _sleep(living, 5.0)
            for event in story:
                await _sleep(living, event.after)
                self.happen(event)
            await _sleep(living, 1.0)
            self.end_all_faults()
            # a drain that waits after soft faults, or a hold-down, and an order's end
            until = max(self.laws.off_until, self.laws.last_end) + START_S
            until += min(LONGEST_S, HOLD_S * 2.0 ** len(story))
            while wrong := self.laws.shortfall(self):
                await _sleep(living, 0.25)
                if self._loop.now > until:
                    raise Broken(f"it does not heal: {wrong}")
        finally:
            living.cancel()
            if self.node:
                self.node.kill()


async def _sleep(living: asyncio.Task[None], seconds: float) -> None:
    await asyncio.wait((living,), timeout=seconds)
    if living.done():
        living.result()


_ON_DISK = frozenset({"replace", "write_mark", "disk_fault"})
_BIRD = {
    "down": "bird_stops",
    "refuses": "bird_refuses",
    "hangs": "bird_hangs",
    "cut": "bird_cut",
}
_MEANS = {
    "drain": ("drain", True, False),
    "drain_for": ("drain", True, True),
    "undrain": ("drain", False, False),
    "withdraw": ("withdraw", True, False),
    "withdraw_for": ("withdraw", True, True),
    "announce": ("withdraw", False, False),
}
_replace = durablefile.replace
