"""Which members are checked, for which pools; and what happens when they cannot be checked.

A member that cannot be checked keeps its state, whatever the reason: this node lacks something,
the machine is too busy, or the checks themselves have died, which are then begun again. The reason
is an alarm until the member is checked again. Knows neither decisions nor selections.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dnsd.checks.calculated import nothing_known
from dnsd.checks.limits import limits_in_force, shortfall
from dnsd.checks.pushed import Board
from dnsd.checks.runner import GRACE_S, Runner
from dnsd.checks.schedule import FIRST_RATE, FIRST_ROUND_S
from dnsd.checks.targets import target_of
from dnsd.config import Failover
from dnsd.control.failover.pledges import Pledges
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.checks.calculated import States
    from dnsd.checks.result import PartResult, Result
    from dnsd.checks.runner import Seen, Unseen
    from dnsd.checks.targets import Target
    from dnsd.control.failover.live import LivePool
    from dnsd.failover.member import Member

RESTART_S = 1.0
"""Pause before checks that have died begin again."""

LOOK_S = 1.0
"""How often to look for targets that were not checked."""

OVERDUE = 3
"""So many intervals without a result are too many."""


class CheckRunner(Protocol):
    """Makes checks, as :class:`Runner` does."""

    @property
    def behind(self) -> float:
        """By how many seconds checks are late."""

    def assign(self, targets: Iterable[Target]) -> None:
        """Check these and no others."""

    def hurry(self, target: Target) -> None:
        """Check ``target`` in its fast interval."""

    def relax(self, target: Target) -> None:
        """Check ``target`` in its usual interval."""

    async def run(self) -> None:
        """Make the checks, until they die."""


class User(NamedTuple):
    """A member of a pool."""

    pool: LivePool
    address: str

    @property
    def member(self) -> Member | None:
        """What is known of it; None if it is gone."""
        return self.pool.state.members.get(self.address)


class Alarms:
    """Why targets can't be checked. Each reason is logged once, however many targets it affects."""

    def __init__(self) -> None:
        self.why: dict[Target, str] = {}
        self._count: Counter[str] = Counter()

    def put(self, target: Target, why: str) -> None:
        """Note that ``target`` can't be seen."""
        if self.why.get(target) == why:
            return
        self._take(target)
        self.why[target] = why
        self._count[why] += 1
        if self._count[why] == 1:
            told = f"failover: cannot check {target.address}: {why}; its state stays as it is"
            log.say("member-unchecked", told, member=target.address, reason=why)

    def clear(self, target: Target) -> None:
        """Note that ``target`` is seen."""
        if (why := self._take(target)) and not self._count[why]:
            told = f"failover: {target.address} is checked again (before: {why})"
            log.say("member-checked", told, member=target.address)

    def forget(self, target: Target) -> None:
        """Note that ``target`` is gone."""
        self._take(target)

    def _take(self, target: Target) -> str:
        why = self.why.pop(target, "")
        if why:
            self._count[why] -= 1
        return why


class MemberChecks:
    """Checks the members of pools.

    ``changed`` is called with each pool of which a member has been checked, or can't be any more.
    ``failover`` is the configuration of checks; ``states`` returns the states of a zone's pools,
    for calculated checks.
    """

    def __init__(
        self,
        changed: Callable[[LivePool], object],
        make: Callable[[Seen, Unseen], CheckRunner] | None = None,
        failover: Failover | None = None,
        states: Callable[[str], States] = lambda _origin: nothing_known,
    ) -> None:
        self.board = Board()
        """What other programs push of members."""
        self._states = states
        self._failover = failover or Failover()
        limits = limits_in_force(self._failover)
        self.alarms = Alarms()
        self.pledges = Pledges(self._failover, limits)
        self._lowered = shortfall(self._failover, limits)
        self._changed = changed
        self._make = make or functools.partial(Runner, most=limits)
        self._checks: CheckRunner | None = None
        self._users: dict[Target, list[User]] = {}
        self._targets_of: dict[LivePool, dict[str, Target]] = {}
        self._heard: dict[Target, float] = {}
        self._parts: dict[Target, tuple[PartResult, ...]] = {}
        self._hurried: set[Target] = set()
        self._edited = asyncio.Event()

    @property
    def behind(self) -> float:
        """By how many seconds checks are late."""
        return self._checks.behind if self._checks else 0.0

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps checks from being as many as configured, and promises; as sentences."""
        late = self.pledges.lateness(self.behind)
        broken = [f"{pool.key}: {why}" for pool, why in self.pledges.broken.items()]
        return (*filter(None, (self._lowered, late)), *broken)

    @property
    def first_round(self) -> float:
        """Seconds after which everything has been checked once, or is late."""
        spread = max(FIRST_ROUND_S, len(self._users) / FIRST_RATE)
        queue = self.pledges.longest_wait_of(self._targets_of)
        return max(
            (
                min(spread, one.interval) + queue + one.check.timeout + GRACE_S
                for one in self._users
            ),
            default=0.0,
        )

    def parts_of(self, pool: LivePool, address: str) -> tuple[PartResult, ...]:
        """Return the last result of each check of a member that has several."""
        target = self._targets_of.get(pool, {}).get(address)
        return () if target is None else self._parts.get(target, ())

    def follow(self, here: Iterable[LivePool], gone: Iterable[LivePool]) -> None:
        """Check the members of the pools ``here`` as they are now; stop for those ``gone``.

        That begins in the next turn of the loop: many zones may come at once.
        """
        for pool in gone:
            self._use(pool, {})
            del self._targets_of[pool]
        for pool in here:
            self._use(pool, self._wanted(pool))
        self._edited.set()

    async def run(self) -> None:
        """Check for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_for_overdue())
            group.create_task(self._follow_edits())
            while True:
                why = await self._run_once()
                for target in self._users:
                    self._miss(target, why)
                await asyncio.sleep(RESTART_S)

    async def _run_once(self) -> str:
        """Check until the checks die; return why they have."""
        self._checks = checks = self._make(self._see, self._miss)
        self._hurried.clear()
        self._heard = dict.fromkeys(self._users, time.monotonic())
        self._assign(checks)
        try:
            await checks.run()
        except Exception as error:
            first = _first(error)
            died = f"the checks have died ({type(first).__name__}: {first}) and start over"
            log.say("internal-error", f"failover: {died}", cause=error)
            return died
        finally:
            self._checks = None
        return "the checks have ended and start over"

    async def _follow_edits(self) -> None:
        while True:
            await self._edited.wait()
            self._edited.clear()
            self.pledges.review(self._targets_of)
            if self._checks:
                self._assign(self._checks)

    def _assign(self, checks: CheckRunner) -> None:
        checks.assign(self._users)
        for target in self._users:
            self._pace(target)

    async def _look_for_overdue(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            self.pledges.watch(self.behind)
            wait = self.pledges.longest_wait
            for target, heard in list(self._heard.items()):
                limit = OVERDUE * (target.interval + wait) + target.check.timeout + GRACE_S
                if now - heard > limit:
                    self._miss(target, f"{OVERDUE} checks of it are missing")

    # -- what is checked ----------------------------------------------------------------------

    def _wanted(self, pool: LivePool) -> dict[str, Target]:
        """Return how each member is checked that is; one that can't be is frozen."""
        wanted = {}
        states = self._states(pool.key.origin)
        for address, member in pool.state.members.items():
            try:
                policy = pool.meta.policy
                target = target_of(policy, address, self._failover, self.board, states)
            except ValueError as error:
                member.freeze(f"it cannot be checked: {error}")
                continue
            if target is None:
                member.thaw(time.monotonic())
            else:
                wanted[address] = target
        return wanted

    def _use(self, pool: LivePool, wanted: dict[str, Target]) -> None:
        before = self._targets_of.get(pool, {})
        for address, target in before.items():
            if wanted.get(address) != target:
                self._leave(target, User(pool, address))
        for address, target in wanted.items():
            if before.get(address) != target:
                self._users.setdefault(target, []).append(User(pool, address))
                self._heard.setdefault(target, time.monotonic())
        self._targets_of[pool] = wanted

    def _leave(self, target: Target, user: User) -> None:
        """Stop checking ``target`` for ``user``, and altogether if no other user is left."""
        users = self._users[target] = [one for one in self._users[target] if one != user]
        if not users:
            del self._users[target]
            del self._heard[target]
            self._parts.pop(target, None)
            self.alarms.forget(target)
            self._hurried.discard(target)

    def _pace(self, target: Target) -> None:
        """Check it as often as the pool wants it for which it matters most."""
        members = [one.member for one in self._users[target]]
        hurried = any(one and one.pause < target.interval for one in members)
        if self._checks is None or hurried == (target in self._hurried):
            return
        if hurried:
            self._hurried.add(target)
            self._checks.hurry(target)
        else:
            self._hurried.discard(target)
            self._checks.relax(target)

    # -- what is seen -------------------------------------------------------------------------

    def _see(self, target: Target, result: Result, _began: float, ended: float) -> None:
        if target not in self._users:
            return
        self._heard[target] = time.monotonic()
        self.alarms.clear(target)
        self._parts[target] = result.parts
        for user in tuple(self._users[target]):
            if member := user.member:
                member.thaw(ended)
                member.result(ended, result.ok, result.detail, result.latency, result.reason)
                self._changed(user.pool)
        self._pace(target)

    def _miss(self, target: Target, why: str) -> None:
        if target not in self._users:
            return
        self._heard[target] = time.monotonic()
        self.alarms.put(target, why)
        for user in tuple(self._users[target]):
            if (member := user.member) and member.frozen != why:
                member.freeze(why)
                self._changed(user.pool)


def _first(error: Exception) -> Exception:
    """Return the first one of a group."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error
