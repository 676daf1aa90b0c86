"""Is this node fit to be announced? Observations in, a verdict with its reasons out.

Knows what an answer, a silence or a worker's lateness means for the route; neither sockets nor
clocks. With hard reasons (FAILED) a client gets nothing: no worker answers, or
it has no zones. Soft ones (DEGRADED) only make other nodes preferable: if every node has one, all
of them still answer.

All VIPs are announced together or not at all. So a fault of one VIP over one transport counts for
the node, even if only one family is silent: the rule is simple, and a fault of one VIP rarely stays
alone.

Overload is no reason. A node that withdraws under too many queries moves them to the next one.
While answers go out and queues overflow, or a worker is late because it gets no CPU, silence does
not count; nor does it while the master replaces one worker of several. Busy is not dead: workers
fail the node only when none of them makes progress.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from dnsd.announce.observation import SelfCheckOutcome
from dnsd.announce.wayback import WayBack
from dnsd.config.units import format_duration
from dnsd.text import shortlist

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dnsd.announce.observation import CheckResult, Observation, WorkerView
    from dnsd.config.anycast import Anycast, SelfCheckConfig

TRANSPORTS = ("udp", "tcp")

REPLACED_S = 3.0
"""For this many seconds a faulty worker excuses silence. By default the master kills it after one
second and starts another; more than that is not a short interruption."""

_NAMED = 4
"""Workers, or failing checks, that are named; more would not be read."""


class Level(IntEnum):
    """How well the node is; more is worse."""

    HEALTHY = 0
    DEGRADED = 1
    FAILED = 2


class NodeHealth(NamedTuple):
    """The level of the node, and the reasons, as sentences: the gravest first.

    Reasons that are over, but count until enough self-checks are good, come last. A healthy node
    may have reasons, too, which change nothing. ``recovering``: it is not healthy, but all the
    reasons are over.
    """

    level: Level
    reasons: tuple[str, ...]
    recovering: bool = False


class _Finding(NamedTuple):
    """A reason why the node is not healthy; ``over``: it has ended, but still counts."""

    level: Level
    sentence: str
    over: bool

    @property
    def rank(self) -> tuple[bool, int]:
        """Its rank among others: current reasons come before graver ones that are over."""
        return self.over, -self.level


class Health:
    """Judges one observation after the other.

    Bad news counts after ``check.fall`` results, what needs no counting at once; good news
    only after ``check.rise`` good results in a row from each VIP over each transport.
    """

    def __init__(self, config: Anycast) -> None:
        self._config = config
        wrong = Level.DEGRADED if config.on_unhealthy == "drain" else Level.FAILED
        lanes = [(vip, transport) for vip in config.vips for transport in TRANSPORTS]
        self._lanes = {lane: _Lane(config.check, wrong) for lane in lanes}
        self._hard = _Ailment(Level.FAILED, wrong, config.check.rise, lanes)
        self._soft = _Ailment(Level.DEGRADED, Level.DEGRADED, config.check.rise, lanes)
        self._way_back = WayBack()
        self._level = Level.HEALTHY
        self._faulty_since: dict[int, float] = {}
        # Later than this it can't be counted on to answer a check in time.
        self._late = config.check.timeout / 2

    @property
    def is_conclusive(self) -> bool:
        """Whether the last verdict is based on enough checks.

        A node is not called healthy, or merely degraded, before every VIP was asked often enough
        over every transport.
        """
        return self._level == Level.FAILED or all(lane.decided for lane in self._lanes.values())

    def observe(self, seen: Observation) -> NodeHealth:
        """Take in an observation and return the health of the node."""
        faults = _worker_faults(seen.workers, self._config.heartbeat_miss)
        late = {
            worker.number: f"worker {worker.number} is {worker.lag:.2g} s late, but makes progress"
            for worker in seen.workers
            if worker.number not in faults and worker.lag > self._late
        }
        excuse = self._excuse(seen, faults, late)
        for result in seen.checks:
            if lane := self._lanes.get((result.vip, result.transport)):
                lane.note(result, excuse)
        self._hard.look(_hard_reasons(seen, [*faults.values()]), seen.checks)
        way_back = self._way_back.look(seen.now, seen.sent)
        self._soft.look(_soft_reasons(seen, self._config.stale_after, way_back), seen.checks)
        found = [*self._hard.findings, *self._soft.findings]
        found += _foremost([lane.finding for lane in self._lanes.values() if lane.level])
        found.sort(key=lambda one: one.rank)
        self._level = max((one.level for one in found), default=Level.HEALTHY)
        remarks = [lane.remark for lane in self._lanes.values() if lane.remark][:_NAMED]
        if len(faults) < len(seen.workers):
            remarks += faults.values()
        remarks += [*late.values()][:_NAMED]
        recovering = bool(found) and all(one.over for one in found)
        return NodeHealth(self._level, (*(one.sentence for one in found), *remarks), recovering)

    def _excuse(self, seen: Observation, faults: Mapping[int, str], late: Mapping[int, str]) -> str:
        """Return an excuse for silence; empty if the node is at fault."""
        since = self._faulty_since
        self._faulty_since = {number: since.get(number, seen.now) for number in faults}
        if seen.unasked:
            return "the node cannot query itself"
        if seen.repairing:
            return "its addresses have just been restored"
        if seen.overloaded:
            return "overload"
        if late:
            return "a worker is late"
        if any(seen.now - began < REPLACED_S for began in self._faulty_since.values()):
            return "a worker is being replaced"
        return ""


class _Lane:
    """One VIP over one transport: counts results, and knows what they make of the node.

    ``level`` counts only once it is ``decided``; ``finding`` says why it is not HEALTHY, and
    ``remark`` what changes nothing.
    """

    def __init__(self, check: SelfCheckConfig, wrong: Level) -> None:
        self.level = Level.HEALTHY
        self.decided = False
        self._fall, self._rise = check.fall, check.rise
        self._if_wrong = wrong
        self._why = ""
        self._good = 0
        self._answers = 0
        self._silent = 0
        self._wrong = 0
        self._bad = ""
        self._excused = 0
        self._remark = ""

    @property
    def finding(self) -> _Finding:
        """Why the lane is not healthy, or its progress on the way back."""
        if not self._good:
            return _Finding(self.level, self._why, over=False)
        way = _way_back(self._good, self._rise)
        return _Finding(self.level, f"{way}; last fault: {self._why}", over=True)

    @property
    def remark(self) -> str:
        """A remark that is reported, but does not count."""
        return self._remark if self._excused >= self._fall else ""

    def note(self, result: CheckResult, excuse: str) -> None:
        """Count one result; ``excuse`` is what silence may be put down to, if anything."""
        if result.outcome == SelfCheckOutcome.SILENT:
            self._note_silence(f"{result.vip} {result.detail}", excuse)
            return
        self._silent = self._excused = 0
        self._answers += 1
        if result.outcome == SelfCheckOutcome.WRONG:
            self._good = 0
            self._wrong += 1
            self._bad = _counted(f"{result.vip} {result.detail}", self._wrong)
        else:
            self._wrong = 0
            self._good += 1
        if self._good >= self._rise:
            self.level, self.decided = Level.HEALTHY, True
        # A silent lane must answer as often as a good one before it counts as merely wrong, or the
        # node would come back too soon. But it must come back: all nodes may be wrong.
        elif self._back() if self.level == Level.FAILED else self._wrong >= self._fall:
            self._decide(self._if_wrong, self._bad)

    def _note_silence(self, what: str, excuse: str) -> None:
        self._good = self._answers = 0
        if excuse:
            self._silent = 0
            self._excused += 1
            self._remark = f"{_counted(what, self._excused)}; not counted: {excuse}"
            return
        self._excused = 0
        self._silent += 1
        if self._silent >= self._fall:
            self._decide(Level.FAILED, _counted(what, self._silent))

    def _back(self) -> bool:
        """Return whether it has answered often enough not to count as silent any more."""
        return self._answers >= self._rise

    def _decide(self, level: Level, why: str) -> None:
        self.level, self._why, self.decided = level, why, True


def _foremost(findings: list[_Finding]) -> list[_Finding]:
    """Return the first few failing checks, and how many more there are."""
    findings = sorted(findings, key=lambda one: one.rank)
    if more := findings[_NAMED:]:
        level, _, over = more[0]
        how = "recover" if over else "fail"
        findings[_NAMED:] = [_Finding(level, f"{len(more)} more checks {how}", over)]
    return findings


def _way_back(good: int, rise: int) -> str:
    return f"recovering: {good} of {rise} good self-checks"


class _Ailment:
    """A fault of the node as a whole, for as long as it counts.

    When it is over, it counts until every lane has had enough good results in a row since. If
    it is ``grave`` and the lanes answer, but not well, it is no graver than ``wrong`` answers.

    What ails a node before it has ever been well is its start, and not told when it is over.
    """

    def __init__(
        self, grave: Level, wrong: Level, rise: int, lanes: Iterable[tuple[str, str]]
    ) -> None:
        self._grave, self._wrong, self._rise = grave, wrong, rise
        self._what: tuple[str, ...] = ()
        self._over = False
        self._starting = True
        self._good = dict.fromkeys(lanes, 0)
        self._answers = self._good.copy()

    @property
    def level(self) -> Level:
        """How grave it is, while it has ``findings``."""
        answers = self._over and min(self._answers.values()) >= self._rise
        return self._wrong if answers else self._grave

    @property
    def findings(self) -> list[_Finding]:
        """What ails the node; or for what is over, how far the way back is."""
        if not self._over:
            return [_Finding(self.level, what, over=False) for what in self._what]
        if not self._what:
            return []
        good = min(self._good.values())
        way = f"starting: {good} of {self._rise} good self-checks"
        if not self._starting:
            way = f"{_way_back(good, self._rise)}; last fault: {'; '.join(self._what)}"
        return [_Finding(self.level, way, over=True)]

    def look(self, what: tuple[str, ...], checks: Iterable[CheckResult]) -> None:
        """Take in the node's current faults ``what`` (may be empty) and the new results."""
        if what:
            self._what, self._over = what, False
            return
        if not self._over:
            self._over = True
            self._good = dict.fromkeys(self._good, 0)
            self._answers = self._good.copy()
        for result in checks:
            lane = result.vip, result.transport
            if lane in self._good:
                good, answer = (
                    result.outcome == SelfCheckOutcome.OK,
                    result.outcome != SelfCheckOutcome.SILENT,
                )
                self._good[lane] = self._good[lane] + 1 if good else 0
                self._answers[lane] = self._answers[lane] + 1 if answer else 0
        if min(self._good.values()) >= self._rise:
            self._what, self._starting = (), False


def _hard_reasons(seen: Observation, faults: Sequence[str]) -> tuple[str, ...]:
    """Return why clients get no answer, as far as the self-check is not needed for that."""
    reasons = []
    if len(faults) == len(seen.workers):
        named = shortlist(faults, _NAMED)
        reasons.append(
            f"no worker answers: {', '.join(named)}" if named else "no worker is running"
        )
    if seen.zones <= seen.broken:
        reasons.append("no zone is loaded: dnsd status shows why")
    return tuple(reasons)


def _soft_reasons(seen: Observation, stale_after: float, way_back: str) -> tuple[str, ...]:
    """Return why clients may be better served by another node."""
    told = (seen.unasked, seen.gateway, way_back, seen.unreached)
    reasons = [reason for reason in told if reason]
    if seen.lost:
        what = "zone is" if seen.lost == 1 else "zones are"
        reasons.append(f"{seen.lost} {what} no longer served: dnsd status shows why")
    if seen.stale > stale_after:
        age = format_duration(round(seen.stale))
        reasons.append(f"a zone has failed to reload for {age}: dnsd status shows why")
    reasons += [reason for reason in (seen.disk, seen.cut_off, *seen.unserved) if reason]
    return tuple(reasons)


def _worker_faults(workers: Iterable[WorkerView], miss: float) -> dict[int, str]:
    """Return a few words for each worker that does not answer, by its number."""
    faults = {}
    for worker in workers:
        if not worker.serving:
            faults[worker.number] = f"worker {worker.number} does not serve"
        elif worker.silent >= miss:
            faults[worker.number] = (
                f"worker {worker.number} has been silent for {worker.silent:.2g} s"
            )
    return faults


def _counted(what: str, times: int) -> str:
    return what if times == 1 else f"{what}, {times} times in a row"
