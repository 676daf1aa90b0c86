"""Is this node fit to be announced? Observations in, a verdict with its reasons out.

Knows what an answer, a silence or a worker's lateness means for the route; neither sockets nor
clocks. Hard reasons (FAILED) are those for which a client gets nothing: nobody answers, or
there is nothing to answer from. Soft ones (DEGRADED) only make other nodes preferable: if every
node has one, all of them still answer.

All VIPs are announced together or not at all. So whatever one VIP does over one transport
decides for the node, even if only the addresses of one family are silent: that is one rule to
remember, and what is broken on one of them is rarely far from the others.

Overload is no reason. A node that withdraws because too much comes moves what comes to the
next one. While answers go out and the queues overflow, lost answers count neither way.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.config.anycast import Anycast, Check

LATE_S = 2.0
"""An event loop that is later than this answers nobody: resolvers have asked elsewhere."""

TRANSPORTS = ("udp", "tcp")

_NAMED_WORKERS = 4
"""Workers that one sentence names; more would not be read."""


class Outcome(StrEnum):
    """What came of one question to one VIP."""

    OK = "ok"
    WRONG = "wrong"
    """An answer, but not the right one."""
    SILENT = "silent"
    """No answer in time, or nobody there."""


class CheckResult(NamedTuple):
    """One question to one VIP over ``transport`` ("udp" or "tcp").

    ``detail`` follows the VIP in a sentence ("gave no answer over TCP to www.example.com A"),
    and is empty when all is well; ``latency`` is in seconds.
    """

    vip: str
    transport: str
    question: str
    outcome: Outcome
    detail: str
    latency: float


class WorkerView(NamedTuple):
    """One worker: whether it serves, seconds since its last heartbeat, seconds its loop is late."""

    number: int
    serving: bool
    silent: float
    lag: float


class Observation(NamedTuple):
    """What was seen of the node at ``now`` (seconds).

    ``checks`` are the results that are new since the last observation. ``broken`` of the
    ``zones`` have nothing that could be served. ``stale`` is for how long the zone that has been
    failing longest could not be loaded, 0 if none is. ``disk`` is a sentence about the state
    directory, empty if it is well. ``overloaded``: queries are lost for want of room while
    answers go out.
    """

    now: float
    checks: tuple[CheckResult, ...]
    workers: tuple[WorkerView, ...]
    zones: int
    broken: int
    stale: float
    disk: str
    overloaded: bool


class Level(IntEnum):
    """How well the node is; more is worse."""

    HEALTHY = 0
    DEGRADED = 1
    FAILED = 2


class Verdict(NamedTuple):
    """How well the node is, and why: sentences, the gravest first.

    A healthy node may have reasons too: things to know that change nothing.
    """

    level: Level
    reasons: tuple[str, ...]


class Health:
    """Judges one observation after the other.

    Bad news counts after ``check.fall`` results, what needs no counting at once; good news
    only after ``check.rise`` good results in a row from each VIP over each transport.
    """

    def __init__(self, config: Anycast) -> None:
        self._config = config
        wrong = Level.DEGRADED if config.on_unhealthy == "drain" else Level.FAILED
        self._lanes = {
            (vip, transport): _Lane(config.check, wrong)
            for vip in config.vips
            for transport in TRANSPORTS
        }
        self._hard = _Ailment(config.check.rise)
        self._soft = _Ailment(config.check.rise)
        self._level = Level.HEALTHY

    @property
    def settled(self) -> bool:
        """Whether the last verdict says something.

        At first nothing is known; a node is not to be called well, or merely degraded, before
        every VIP has been asked often enough over every transport.
        """
        return self._level == Level.FAILED or all(lane.decided for lane in self._lanes.values())

    def observe(self, seen: Observation) -> Verdict:
        """Take in what was seen and return how well the node is now."""
        for result in seen.checks:
            if lane := self._lanes.get((result.vip, result.transport)):
                lane.note(result, seen.overloaded)
        faults = _worker_faults(seen.workers, self._config.heartbeat_miss)
        self._hard.look(_hard_reasons(seen, faults), seen.checks, self._lanes)
        self._soft.look(_soft_reasons(seen, self._config.stale_after), seen.checks, self._lanes)
        found = [(Level.FAILED, reason) for reason in self._hard.reasons]
        found += [(Level.DEGRADED, reason) for reason in self._soft.reasons]
        found += [(lane.level, lane.reason) for lane in self._lanes.values() if lane.level]
        found.sort(key=lambda one: -one[0])
        self._level = max((level for level, _ in found), default=Level.HEALTHY)
        remarks = [lane.remark for lane in self._lanes.values() if lane.remark]
        if len(faults) < len(seen.workers):
            remarks += faults
        return Verdict(self._level, tuple([reason for _, reason in found] + remarks))


class _Lane:
    """One VIP over one transport: counts results, and knows what they make of the node.

    ``level`` counts only once it is ``decided``; ``reason`` says why it is not HEALTHY, and
    ``remark`` what changes nothing.
    """

    def __init__(self, check: Check, wrong: Level) -> None:
        self.level = Level.HEALTHY
        self.decided = False
        self._fall, self._rise = check.fall, check.rise
        self._if_wrong = wrong
        self._why = ""
        self._good = 0
        self._answers = 0
        self._silent = 0
        self._wrong = 0
        self._excused = 0
        self._excuse = ""

    @property
    def reason(self) -> str:
        """Why the lane is not well, and how far it has come on its way back."""
        if not self._good:
            return self._why
        return f"{self._why}; {self._good} of {self._rise} good answers since"

    @property
    def remark(self) -> str:
        """What is held against nobody, because of overload."""
        if self._excused < self._fall:
            return ""
        return f"{_counted(self._excuse, self._excused)}: put down to overload"

    def note(self, result: CheckResult, overloaded: bool) -> None:
        if result.outcome == Outcome.SILENT:
            self._note_silence(f"{result.vip} {result.detail}", overloaded)
            return
        self._answers += 1
        self._silent = self._excused = 0
        if result.outcome == Outcome.WRONG:
            self._note_wrong(f"{result.vip} {result.detail}")
            return
        self._wrong = 0
        self._good += 1
        if self._good >= self._rise:
            self.level, self.decided = Level.HEALTHY, True

    def _note_silence(self, what: str, overloaded: bool) -> None:
        self._good = self._answers = 0
        if overloaded:
            self._silent = 0
            self._excused += 1
            self._excuse = what
            return
        self._excused = 0
        self._silent += 1
        if self._silent >= self._fall:
            self._decide(Level.FAILED, _counted(what, self._silent))

    def _note_wrong(self, what: str) -> None:
        self._good = 0
        self._wrong += 1
        # Who was silent is not merely wrong before it has answered as often as a good one must:
        # it would come back too soon. It must come back, though: all nodes may be wrong.
        back = self.level < Level.FAILED or self._answers >= self._rise
        if self._wrong >= self._fall and back:
            self._decide(self._if_wrong, _counted(what, self._wrong))

    def _decide(self, level: Level, why: str) -> None:
        self.level, self._why, self.decided = level, why, True


class _Ailment:
    """What ails the node as a whole, for as long as it counts.

    When it is over, it counts until every lane has had enough good results in a row since.
    """

    def __init__(self, rise: int) -> None:
        self._rise = rise
        self._what: tuple[str, ...] = ()
        self._good: dict[tuple[str, str], int] | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """What ails it; for what is over, how far the way back is."""
        if self._good is None:
            return self._what
        least = min(self._good.values(), default=0)
        return tuple(
            f"{what}; over, {least} of {self._rise} good answers since" for what in self._what
        )

    def look(
        self,
        what: tuple[str, ...],
        checks: Iterable[CheckResult],
        lanes: Iterable[tuple[str, str]],
    ) -> None:
        """Take in ``what`` ails the node now (empty if nothing does) and the new results."""
        if what:
            self._what, self._good = what, None
            return
        if not self._what:
            return
        if self._good is None:
            self._good = dict.fromkeys(lanes, 0)
        for result in checks:
            lane = result.vip, result.transport
            if lane in self._good:
                good = result.outcome == Outcome.OK
                self._good[lane] = self._good[lane] + 1 if good else 0
        if min(self._good.values(), default=self._rise) >= self._rise:
            self._what, self._good = (), None


def _hard_reasons(seen: Observation, faults: list[str]) -> tuple[str, ...]:
    """Return why nobody gets an answer, as far as that needs no asking."""
    reasons = []
    if len(faults) == len(seen.workers):
        named = faults[:_NAMED_WORKERS]
        if len(faults) > _NAMED_WORKERS:
            named.append(f"{len(faults) - _NAMED_WORKERS} more")
        reasons.append(f"no worker answers: {', '.join(named)}" if named else "there is no worker")
    if seen.zones <= seen.broken:
        reasons.append("no zone is loaded: dnsd status shows why")
    return tuple(reasons)


def _soft_reasons(seen: Observation, stale_after: float) -> tuple[str, ...]:
    """Return why answers may be worse than those of another node."""
    reasons = []
    if 0 < seen.broken < seen.zones:
        reasons.append(f"{seen.broken} of {seen.zones} zones are not loaded: dnsd status shows why")
    if seen.stale > stale_after:
        age = format_duration(round(seen.stale))
        reasons.append(f"a zone could not be reloaded for {age}: dnsd status shows why")
    if seen.disk:
        reasons.append(seen.disk)
    return tuple(reasons)


def _worker_faults(workers: Iterable[WorkerView], miss: float) -> list[str]:
    """Return a few words for each worker that does not answer."""
    faults = []
    for worker in workers:
        if not worker.serving:
            faults.append(f"worker {worker.number} does not serve")
        elif worker.silent >= miss:
            faults.append(f"worker {worker.number} has been silent for {worker.silent:.2g} s")
        elif worker.lag > LATE_S:
            faults.append(f"worker {worker.number} is {worker.lag:.2g} s late")
    return faults


def _counted(what: str, times: int) -> str:
    return what if times == 1 else f"{what}, {times} times in a row"
