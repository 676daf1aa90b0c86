"""What pools promise in seconds, with all checks in one queue: those of a zone, or of a node.

Knows which targets pools have, and how the schedule of checks and the formulas of
:mod:`dnsd.failover.objective` come together. Whether a promise must be kept is for others to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from dnsd.checks.calculated import CalculatedCheck
from dnsd.checks.command import CommandCheck
from dnsd.checks.schedule import BURST, HEADROOM, LEAST_RATE
from dnsd.checks.several import singles
from dnsd.checks.targets import target_of
from dnsd.config import Failover
from dnsd.config.dependencies import circle, references_of
from dnsd.failover import objective
from dnsd.failover.objective import FLIP_S, LATE_S, Timing
from dnsd.failover.queue import COMMANDS, CheckPace, Queue, Wait

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from dnsd.checks.targets import Target
    from dnsd.config import CheckLimits
    from dnsd.config.dependencies import Key
    from dnsd.config.policy import PoolPolicy
    from dnsd.failover.objective import Assessment
    from dnsd.failover.price import Priced

PACE = CheckPace(BURST, LEAST_RATE, HEADROOM)


class Promised(Protocol):
    """A pool whose records have the TTL ``ttl`` in the zone file, and the addresses ``members``."""

    @property
    def policy(self) -> PoolPolicy: ...  # noqa: D102
    @property
    def ttl(self) -> int: ...  # noqa: D102
    @property
    def members(self) -> tuple[str, ...]: ...  # noqa: D102


P = TypeVar("P", bound=Promised)


class InZone(NamedTuple):
    """One that is read from its files."""

    policy: PoolPolicy
    ttl: int
    members: tuple[str, ...]


class _Stand(NamedTuple):
    """A target (``key``: equal ones are one) and the line in which it stands."""

    key: Hashable
    line: str
    timeout: float
    interval: float


class Promises:
    """What each of ``pools`` can promise, if these are all there are.

    ``failover`` is what the configuration says; without it, it is as by default. ``limits`` are
    those of its checks, unless others are in force.
    """

    def __init__(
        self,
        pools: Iterable[Promised],
        failover: Failover | None = None,
        limits: CheckLimits | None = None,
    ) -> None:
        self._failover = failover or Failover()
        self._queue = Queue(limits or self._failover.limits, PACE)
        self._lines: dict[Hashable, tuple[str, ...]] = {}
        self._timeouts: dict[Hashable, float] = {}
        pools = tuple(pools)
        self._pools = {_key(pool): pool for pool in pools}
        self._policies = {key: pool.policy for key, pool in self._pools.items()}
        seen: set[Hashable] = set()
        for pool in pools:
            stands = tuple(_stands(pool, self._failover))
            self._lines[_key(pool)] = tuple(dict.fromkeys(one.line for one in stands))
            self._timeouts[_key(pool)] = max((one.timeout for one in stands), default=0.0)
            for one in stands:
                if one.key not in seen:
                    seen.add(one.key)
                    self._queue.add(one.line, one.timeout, one.interval)

    @property
    def longest_wait(self) -> float:
        """For how long any check waits for its turn at the worst, in seconds."""
        return max((self._queue.wait(line).seconds for line in self._queue.lines), default=0.0)

    def wait(self, pool: Promised) -> Wait:
        """Return how long a check of a member waits for its turn at the worst."""
        _, wait = self._worst_line(pool)
        return wait

    def worst(self, pool: Promised) -> float:
        """Return for how many seconds a failure can be felt at the worst."""
        return objective.worst(self._timing(pool), pool.ttl, pool.policy.ttl_min)

    def is_kept(self, pool: Promised) -> bool:
        """Return whether ``pool`` keeps its objective, or has none that can be judged."""
        rto = pool.policy.rto
        return rto is None or pool.policy.check == "none" or self.worst(pool) <= rto + 1e-9

    def broken(self, pools: Iterable[P]) -> Iterator[tuple[P, Assessment]]:
        """Yield those of ``pools`` that do not keep their objective."""
        for pool in pools:
            if not self.is_kept(pool):
                yield pool, self.assess(pool, pool.policy.rto)

    def assess(
        self, pool: Promised, wanted: float | None, demand: Priced | None = None
    ) -> Assessment:
        """Return what ``pool`` can promise; ``wanted`` is its objective."""
        timing, policy = self._timing(pool), pool.policy
        return objective.assess(
            timing,
            pool.ttl,
            policy.ttl_min,
            wanted,
            demand,
            queued=self.wait(pool).terms,
            wider="" if wanted is None else self._wider(pool, timing, wanted),
        )

    def _timing(self, pool: Promised) -> Timing:
        timing = timing_of(pool.policy, self._failover)._replace(queue=self.wait(pool).seconds)
        # Of several checks of a member the slowest one counts.
        timing = timing._replace(timeout=self._timeouts[_key(pool)] or timing.timeout)
        return timing._replace(delays=timing.delays + self._depends(pool))

    def _depends(self, pool: Promised) -> float:
        """Return how long it takes until a failure shows in what ``pool`` looks at, in seconds."""
        found = references_of(pool.policy)
        if not found or circle(pool.policy, self._policies):
            return 0.0  # what depends on itself is refused
        others = (self._pools.get((one.name, one.type)) for one in found)
        timings = [self._timing(other) for other in others if other is not None]
        return max((timing.detection + timing.delays for timing in timings), default=0.0)

    def _worst_line(self, pool: Promised) -> tuple[str, Wait]:
        waits = [(line, self._queue.wait(line)) for line in self._lines[_key(pool)]]
        return max(waits, key=lambda one: one[1].seconds, default=("", Wait(0.0)))

    def _wider(self, pool: Promised, timing: Timing, wanted: float) -> str:
        """Return which limit would help, as a way to keep the objective; empty if none does."""
        line, wait = self._worst_line(pool)
        room = objective.longest_queue(timing, pool.ttl, pool.policy.ttl_min, wanted)
        if not wait.seconds or room < 0 or wait.seconds <= room:
            return ""
        most = self._queue.wide_enough(line, room)
        key = "max_commands" if line == COMMANDS else "max_checks_per_address"
        return f"[failover] {key} = {most}" if most else ""


def timing_of(pool: PoolPolicy, failover: Failover) -> Timing:
    """Return how the members of ``pool`` are checked, and when all nodes that decide know of it.

    As if no check waited for another.
    """
    quorum = failover.delay if pool.scope.kind == "quorum" else 0.0
    delays = quorum + FLIP_S + LATE_S
    return Timing(pool.interval, pool.timeout, pool.fast_interval, pool.down, delays)


def _key(pool: Promised) -> Key:
    return pool.policy.name, pool.policy.type


def _stands(pool: Promised, failover: Failover) -> Iterator[_Stand]:
    """Yield what is checked for ``pool``, even if the configuration does not allow it (yet)."""
    policy = pool.policy
    if policy.check == "none":
        return
    for address in pool.members:
        try:
            target = target_of(policy, address, failover)
        except ValueError:
            line = COMMANDS if policy.check == "command" else address
            yield _Stand((_key(pool), address), line, policy.timeout, policy.interval)
        else:
            if target is not None:
                for line in _lines(target):
                    key = (target, line)
                    yield _Stand(key, line, target.check.timeout, target.interval)


def _lines(target: Target) -> Iterator[str]:
    """Yield the lines in which ``target`` waits, as the runner of checks has them."""
    checks = singles(target.check)
    if any(isinstance(one, CommandCheck) for one in checks):
        yield COMMANDS
    if not all(isinstance(one, CommandCheck | CalculatedCheck) for one in checks):
        yield target.address
