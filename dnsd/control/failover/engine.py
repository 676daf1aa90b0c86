"""The failover plane of a running node: decides on pools as their members are checked, and in time.

The publisher of images tells it which pools there are (:class:`dnsd.build.poolmeta.Pools`). It
writes selections at once. A failure in one of its loops is logged, and the loop tries again: it
ends neither control nor another loop.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from dnsd.caches.version import about_member
from dnsd.config import Failover
from dnsd.config.checkkeys import each_check
from dnsd.control.failover.checking import MemberChecks
from dnsd.control.failover.peers import Peers
from dnsd.control.failover.rates import PoolRates
from dnsd.control.failover.statefile import StateFile, moment
from dnsd.control.failover.states import states_in
from dnsd.control.failover.table import Table
from dnsd.control.failover.wakeups import Wakeups
from dnsd.control.nothing import no_items
from dnsd.process.supervisor import Supervisor
from dnsd.process.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.checks import pushed
    from dnsd.checks.calculated import States
    from dnsd.checks.runner import Seen, Unseen
    from dnsd.control.failover.checking import CheckRunner
    from dnsd.control.failover.forgetting import CacheMemory
    from dnsd.control.failover.live import LivePool, PoolKey
    from dnsd.control.failover.peers import Votes
    from dnsd.control.failover.selections import Noted
    from dnsd.control.failover.table import OrderTarget
    from dnsd.control.hooks.news import News
    from dnsd.failover.drain import Drain
    from dnsd.failover.orders import Directive
    from dnsd.image.cells import Range
    from dnsd.image.state import StateVector

WRITE_S = 1.0
"""What has changed is written down at most so often."""

REFRESH_S = 10.0
"""What has not changed is written down so often: a state that is older is less believed."""

SWEEP_S = 1.0
"""How often workers' notes are read out."""

JUDGE_S = 0.5
"""How often it is asked whether a member that is drained is forgotten."""

RETRY_S = 1.0

CLOCK_STEP_S = 1.0
"""When the time of the day has moved by so much against the monotonic clock, plans follow."""

WRITE_DOWN_S = 5.0
"""How long a disk may take to write an order down."""


class FailoverEngine:
    """Holds the pools (``table``), has them checked (``checking``), and decides on them.

    ``memory`` knows what caches still hold. ``peers`` are the other nodes that vote; without them
    there are none. ``failover`` is what the configuration says of checks. ``file`` is where orders
    and states outlive a restart.
    """

    def __init__(
        self,
        vector: StateVector,
        file: StateFile,
        memory: CacheMemory,
        make: Callable[[Seen, Unseen], CheckRunner] | None = None,
        peers: Peers | None = None,
        failover: Failover | None = None,
    ) -> None:
        now = time.monotonic()
        self.file = file
        self.table = Table(vector, self.file.read(moment()), now, self._told)
        self.rates = PoolRates(self.table, vector)
        self.checking = MemberChecks(self.decide, make, failover, self._states)
        self.memory = memory
        self.peers = peers or Peers("", Failover())
        self.absences: Callable[[], Sequence[str]] = no_items
        """Returns sentences about policies that are absent."""
        self.publish: Callable[[News], object] = len
        """Called with each change."""
        self._waiting: set[LivePool] = set()
        self._ordering = asyncio.Lock()
        self._offset = time.time() - now
        self._cut_off: dict[LivePool, str] = {}
        self._running = False
        self._first_checks_by: float | None = None
        self._wakeups = Wakeups()
        self._dirty = asyncio.Event()
        self._lasting = Supervisor("failover")

    # -- for the publisher ----------------------------------------------------------------------

    async def expect(self, pools: Sequence[PoolMeta]) -> None:
        """Have a state file on disk before the ledger knows of ``pools``."""
        if pools and not self.file.exists:
            self.file.exists = True
            await self.save()

    def place(self, origin: str, pools: Sequence[PoolMeta], cell: int) -> None:
        """Decide on the pools of a zone, which has an image with these cells.

        Before it runs, it takes over what an earlier process has published: workers answer that.
        """
        now = time.monotonic()
        if self._running:
            here, gone = self.table.place(origin, pools, cell, now)
        else:
            here, gone = self.table.recover(origin, pools, cell, now)
            for pool in here:
                pool.inherit(math.inf)
        self._follow(here, gone)

    def remove(self, origin: str) -> None:
        """Stop deciding on the pools of a zone."""
        self._follow(*self.table.remove(origin, time.monotonic()))

    def release(self, cells: Range) -> None:
        """Read the notes of cells that no worker answers from any more."""
        here, gone = self.table.release(cells, time.monotonic())
        self._follow(here, [])
        for pool in gone:
            self._remember(pool)

    def _follow(self, here: Sequence[LivePool], gone: Sequence[LivePool]) -> None:
        self.checking.follow(here, gone)
        for pool in gone:
            self._wakeups.drop(pool)
            self._cut_off.pop(pool, None)
            self._remember(pool)
        for pool in here:
            if not self.decide(pool):
                self._remember(pool)  # that it is placed elsewhere
        if here or gone:
            self._dirty.set()

    # -- whether it may be announced ----------------------------------------------------------

    def loaded(self) -> None:
        """Note that the node waits for no zone any more: the first round of checks has begun."""
        self._first_checks_by = time.monotonic() + self.checking.first_round

    def not_ready(self) -> str:
        """Return why the node must not be announced yet; empty if it may be.

        A first round of checks that does not end is a reason only for a while.
        """
        if self._first_checks_by is None:
            return "the zones are not loaded yet"
        if time.monotonic() >= self._first_checks_by:
            return ""
        if unknown := [pool for pool in self.table.pools.values() if not pool.state.is_checked]:
            pools = "1 pool has" if len(unknown) == 1 else f"{len(unknown)} pools have"
            shared = any(pool.state.is_shared for pool in unknown)
            agreed = ", or that too few nodes have voted on" if shared else ""
            return f"{pools} members that have not been checked yet{agreed}"
        self._first_checks_by = -math.inf
        return ""

    # -- deciding -----------------------------------------------------------------------------

    def _states(self, origin: str) -> States:
        return states_in(self.table.pools, origin)

    def decide(self, pool: LivePool) -> bool:
        """Decide on ``pool`` now, and again when it is time; return whether that is news.

        The account of an answer comes before its word, and what is said about it after both.
        """
        now = time.monotonic()
        try:
            changed = pool.decide(now, lambda coming: self.memory.admits(pool, coming, now))
            wakeup = pool.next_wakeup(now)
        except Exception as error:
            self._lasting.tell(error)
            return False
        if changed:
            self._remember(pool)
            self._dirty.set()
        self._wakeups.put(pool, wakeup)
        if pool.waits and pool not in self._waiting:
            self._waiting.add(pool)
            self.memory.when_on_disk(lambda: self._decide_again(pool))
        self._tell(pool, now)
        return changed

    def _decide_again(self, pool: LivePool) -> None:
        """Decide on a pool whose answer has waited for the disk."""
        self._waiting.discard(pool)
        if self.table.pools.get(pool.key) is pool:
            self.decide(pool)

    def _tell(self, pool: LivePool, now: float) -> None:
        try:
            self._compare(pool)
            pool.tell(now)
            for change in pool.take_news():
                self.publish(change)
        except Exception as error:
            self._lasting.tell(error)

    def decide_all(self) -> None:
        """Decide on all pools."""
        for pool in tuple(self.table.pools.values()):
            self.decide(pool)

    async def _decide_in_time(self) -> None:
        async for pool in self._wakeups.due():
            self.decide(pool)

    def takes_no_state(self, at: pushed.PushTarget) -> str:
        """Return why nothing may be pushed of a member, empty if it may."""
        pool = self.table.find(at.name, at.type)
        if pool is None:
            return f"there is no pool {at.name} {at.type}"
        if at.address not in pool.state.members:
            return f"{at.address} is not a member of {at.name} {at.type}"
        if all(one.check != "pushed" for one in each_check(pool.meta.policy)):
            return f'{at.name} {at.type} has no check = "pushed"'
        return ""

    # -- orders -------------------------------------------------------------------------------

    @property
    def loss(self) -> str:
        """Why earlier orders are not known; empty if they are, or if no zone has a pool."""
        unneeded = self._first_checks_by is not None and not self.table.pools
        return "" if unneeded else self.file.loss

    @property
    def doubt(self) -> str:
        """Why it is not sure what is ordered, now or after a restart; empty if it is."""
        return self.file.fault or self.loss

    async def order(self, wanted: Mapping[OrderTarget, Callable[[float], Directive]]) -> None:
        """Write down the ``wanted`` orders about members, then obey them.

        Each is computed again when it is obeyed, because what caches hold may have changed. A disk
        that refuses it, or takes longer than WRITE_DOWN_S, does not keep it from being obeyed:
        ``file.fault`` says so then, and nothing is SAFE.
        """
        async with self._ordering:
            now = time.monotonic()
            self._follow_clock()  # or else what is planned now would follow it, too
            self.table.proposed = {at: make(now) for at, make in wanted.items()}
            self.file.demand()
            try:
                await asyncio.wait((asyncio.ensure_future(self.save()),), timeout=WRITE_DOWN_S)
            finally:
                self.table.proposed = {}
                self._obey({at: make(time.monotonic()) for at, make in wanted.items()})

    def _obey(self, directives: Mapping[OrderTarget, Directive]) -> None:
        now = time.monotonic()
        pools = [self.table.obey(at, one, now) for at, one in directives.items()]
        for pool in dict.fromkeys(pools):
            if pool is not None:
                self.decide(pool)
        self._dirty.set()

    # -- other nodes --------------------------------------------------------------------------

    def hear(self, node: str, votes: Votes) -> None:
        """Take in all that another node says of members, and decide on what has changed."""
        if self.peers.past:
            self.file.miss(self.peers.past)
        for pool in tuple(self.table.pools.values()):
            if pool.state.hear(node, votes.get((pool.key.name, pool.key.type), {})):
                self.decide(pool)

    def cut_off(self) -> str:
        """Return why this node seems to be cut off from members, empty if it does not."""
        return next(iter(self._cut_off.values()), "")

    def _compare(self, pool: LivePool) -> None:
        """Note whether this node reaches no member of ``pool``, but other nodes reach some."""
        self._cut_off.pop(pool, None)
        if seen := pool.state.contradicted:
            others = f", and {len(seen) - 1} more," if len(seen) > 1 else ""
            self._cut_off[pool] = (
                f"this node reaches no member of {pool.key}, but enough others reach {seen[0]}"
                f"{others}: this node is cut off from them; dnsd failover shows the votes"
            )

    async def _ask_peers(self) -> None:
        await self.peers.run(self.hear)

    # -- loops --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work for ever."""
        self._running = True
        until = time.monotonic() + self.checking.first_round
        for pool in self.table.pools.values():
            pool.inherit(until)
        self.decide_all()
        async with asyncio.TaskGroup() as group:
            for work in (
                self.checking.run,
                self._decide_in_time,
                self._keep_state,
                self._sweep_for_ever,
                self._judge_for_ever,
                self.rates.run,
                *([self._ask_peers] if self.peers.peers else []),
            ):
                group.create_task(self._lasting.go_on(work, RETRY_S))

    # -- on disk ------------------------------------------------------------------------------

    async def save(self) -> None:
        """Write down what must survive a restart."""
        self._dirty.clear()
        await self.file.write(self.table.to_stored(time.monotonic()), moment())

    def stop(self) -> None:
        """Write it down at once: the process is about to end.

        Workers' notes are read first: the ledger is written next.
        """
        self.sweep()
        if self._running:
            self.file.write_now(self.table.to_stored(time.monotonic()), moment())

    async def _keep_state(self) -> None:
        while True:
            await wait(self._dirty, REFRESH_S)
            self._follow_clock()
            await self.save()
            await asyncio.sleep(WRITE_S)

    def _follow_clock(self) -> None:
        """Have plans begin at their time of the day, though that was set, or the machine slept."""
        offset = time.time() - time.monotonic()
        shift, self._offset = self._offset - offset, offset
        if abs(shift) < CLOCK_STEP_S:
            self._offset += shift  # a clock that is slewed adds up
            return
        for pool in self.table.shift_plans(shift):
            self.decide(pool)

    # -- what caches hold ---------------------------------------------------------------------

    def _told(self, key: PoolKey, meta: PoolMeta, noted: Noted) -> None:
        self.memory.noted(key, meta, noted, time.monotonic())

    def _remember(self, pool: LivePool) -> None:
        self.memory.decided(pool, time.monotonic())

    def sweep(self) -> None:
        """Read what workers have noted."""
        now = time.monotonic()
        self.table.sweep(now)
        self.memory.swept(now)

    async def _sweep_for_ever(self) -> None:
        while True:
            self.sweep()
            await asyncio.sleep(SWEEP_S)

    def judge_drains(self) -> None:
        """Ask whether caches have forgotten the members that are drained and out of the answers."""
        for pool in tuple(self.table.pools.values()):
            for address, drain in tuple(pool.state.drains.items()):
                if drain.switched:
                    self._judge(pool, address, drain)

    async def _judge_for_ever(self) -> None:
        while True:
            self.judge_drains()
            await asyncio.sleep(JUDGE_S)

    def _judge(self, pool: LivePool, address: str, drain: Drain) -> None:
        now = time.monotonic()
        for placement in pool.placements:
            placement.cells.sweep(now)
        question = about_member(address, pool.key.name, pool.key.type)
        before = drain.phase
        drain.judge(now, self.memory.judge(question, drain.switch_at, now))
        if drain.phase != before:
            told = f"the drain of {address}: {before} → {drain.phase}"
            pool.say("member-drain", told, member=address, was=before, now=drain.phase)
            self._tell(pool, now)
            self._dirty.set()
