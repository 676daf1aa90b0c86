"""Has the last cache forgotten it? The complete site in, SAFE, WAIT or UNKNOWN out.

The question is about a target address ("may clients still come to 192.0.2.10?"), or about a name
and type ("may a cache still hold another answer than the present one?").

No clock is compared with another one: a report holds remaining seconds, and they are added
to the asker's own clock at the time the report came in, which is never too early. Bounds of
several nodes, and of several reports, are joined by max. Silence is never SAFE: what of the site
is missing (:mod:`dnsd.caches.site`) makes it UNKNOWN. How far back an account goes is looked at
for each node: what was given out before may be held for as long as the largest TTL there was.

This is the protocol's bound: for caches that keep to TTLs, and a second figure for those that
keep everything at least ``floor`` seconds. It does not cover clients that pin an address for as
long as they run, nor caches that serve stale data because no authoritative server answers them
(RFC 8767). Pure: it is told the time.
"""

from __future__ import annotations

from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.caches.outside import END, longest_gone, unasked
from dnsd.caches.report import LONGEST_FLOOR_S, NEVER, WEEK_S, Bound, NodeReport, Use
from dnsd.caches.site import ALIVE, Answered, Census, MissingAccount, census
from dnsd.caches.version import CacheQuestion, Version, VersionKind
from dnsd.config.units import format_duration
from dnsd.text import shortlist
from dnsd.wire import delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dnsd.caches.inquiry import Inquiry, Secondary

MARGIN_S = delivery.MARGIN_S
"""Added to every bound: an answer is on its way before a cache has it."""


FRESH_S = MARGIN_S
"""An older report says nothing of what its node gives out now.

Nor of what a worker of it has composed and not sent yet: that ends now by its report, at the
earliest, and so cannot be SAFE as long as the report is fresh.
"""

_STATE_IT = (
    "the largest TTL ever used is unknown: set [zones.limits] longest_ttl, or give --ttl; until "
    "then dnsd assumes a week"
)

_NAMED = 4
"""Versions that are named in one sentence."""


class Safety(StrEnum):
    """Whether the caches have forgotten."""

    SAFE = "safe"
    WAIT = "wait"
    UNKNOWN = "unknown"


class CacheHolding(msgspec.Struct, frozen=True):
    """What caches may hold of one node, and until when; ``version`` is None if unknown.

    ``floored`` is the time for caches that keep everything at least ``floor`` seconds.
    """

    node: str
    version: Version | None
    until: float
    floored: float
    use: Use = Use.IDLE


class Verdict(msgspec.Struct, frozen=True):
    """The answer, with all reasons.

    ``until`` is when it becomes SAFE (or has become), as far as that is known: None if no end
    is in sight, or if it never was given out. ``floored`` is the same for caches with a floor.
    ``nodes`` are those that have reported, ``missing`` what of the site is not known.
    """

    safety: Safety
    until: float | None
    floored: float | None
    reasons: tuple[str, ...]
    held: tuple[CacheHolding, ...]
    nodes: tuple[str, ...] = ()
    missing: tuple[MissingAccount, ...] = ()


def judge(inquiry: Inquiry, now: float) -> Verdict:
    """Return whether the caches have forgotten what ``inquiry`` asks about."""
    found = _Findings(inquiry, now)
    for node in found.nodes:
        found.look_at(node)
    found.look_for_given_out()
    found.look_at_secondaries()
    return found.verdict()


class _Account(NamedTuple):
    """One node: its latest report, and the bounds of all its reports by the asker's clock."""

    latest: Answered
    bounds: dict[Version, Bound]

    def uses(self, use: Use) -> frozenset[Version]:
        lines = self.latest.report.lines
        return frozenset(
            line.version
            for line in lines
            if line.use == use and line.version.kind != VersionKind.EVERYTHING
        )


class _Findings:
    """Collects what speaks against SAFE: what is unknown, what has no end, what has one."""

    def __init__(self, inquiry: Inquiry, now: float) -> None:
        self.census = census(inquiry.site, inquiry.fenced)
        self._accounts = _accounts(inquiry.question, self.census)
        self._inquiry = inquiry
        self._now = now
        self._floor = min(inquiry.floor, LONGEST_FLOOR_S)
        self._unknown = [str(one) for one in self.census.missing]
        self._endless: list[str] = []
        self._waits: list[str] = []
        self._remarks: list[str] = []
        self._held: list[CacheHolding] = []
        self._reaches_back = True
        self._current = self._given_by_all()

    @property
    def nodes(self) -> list[str]:
        """All known nodes."""
        return sorted({*self._accounts, *self.census.fences})

    def look_at(self, node: str) -> None:
        """Look whether one node has spoken, and what caches may hold of it."""
        account = self._accounts.get(node)
        if account is not None:
            self._hold(node, account)
        if node in self.census.fences:
            self._look_at_fenced(node, self.census.fences[node])
        elif node in self.census.latest and account is not None:
            self._look_at_answer(node, account.latest)
            self._look_before(node, account.latest)

    def look_for_given_out(self) -> None:
        """See whether it can still be given out; and whether any node knows it at all."""
        alive = self._alive()
        if self._inquiry.question.target:
            for node, account in sorted(alive.items()):
                if served := account.uses(Use.SERVED):
                    self._endless.append(f"node {node} answers with it now: {_named(served)}")
                elif possible := account.uses(Use.POSSIBLE):
                    self._endless.append(
                        f"node {node} may answer with it again by itself: {_named(possible)}; "
                        f"drain it, or force it down without an end, and cancel what is planned"
                    )
        elif len({account.uses(Use.SERVED) for account in alive.values()}) > 1:
            given = [
                f"{node} {_named(one.uses(Use.SERVED))}" for node, one in sorted(alive.items())
            ]
            self._endless.append(f"the nodes give different answers: {'; '.join(given)}")
        # The pool of a member is known, so its address is not mistyped.
        known = self._inquiry.question.is_member
        if alive and not known and not any(account.bounds for account in alive.values()):
            self._look_how_far_back(alive)

    def look_at_secondaries(self) -> None:
        """See whether every secondary has the change; what it gave out before may be held."""
        self._unknown += unasked(self.census, self._inquiry.secondaries)
        for one in self._inquiry.secondaries:
            if one.node in self.census.latest or one.name in self.census.fences:
                continue
            where = f"secondary {one.name} of {one.zone}"
            if isinstance(one.wanted, str):
                self._unknown.append(f"{where} cannot be compared: {one.wanted}")
            elif one.serial is None:
                self._unknown.append(f"{where} has not reported its serial; {END.format(one.name)}")
            elif _is_before(one.serial, one.wanted):
                self._endless.append(f"{where} still has serial {one.serial}, not {one.wanted}")
            elif different := self._given_otherwise(one):
                self._endless.append(
                    f"{where} answers with {_named(different)}: there it is an ordinary record, "
                    f"whatever is ordered here; change it in the zone file"
                )
            else:
                self._hold_before(one)

    def verdict(self) -> Verdict:
        """Return what all of it comes to."""
        until = max((one.until for one in self._held), default=NEVER) + MARGIN_S
        floored = max((one.floored for one in self._held), default=NEVER) + MARGIN_S
        left = until - self._now
        waits = [f"caches may hold it for {_spell(left)} more", *self._waits] if left > 0 else []
        safety = Safety.SAFE
        if self._endless or waits:
            safety = Safety.WAIT
        if self._unknown:
            safety = Safety.UNKNOWN
        ends = until > NEVER and not self._endless and not self._unknown
        return Verdict(
            safety,
            until if ends else None,
            floored if ends else None,
            (*self._unknown, *self._endless, *waits, *self._remarks),
            tuple(sorted(self._held, key=lambda one: (-one.until, one.node))),
            tuple(sorted(self.census.latest)),
            self.census.missing,
        )

    def _given_otherwise(self, secondary: Secondary) -> frozenset[Version]:
        """Return what a secondary answers and must not: with the target, or not as all nodes do."""
        question = self._inquiry.question
        concerned = frozenset(one for one in secondary.given if question.concerns(one))
        return concerned if question.target else concerned - self._current

    def _hold_before(self, secondary: Secondary) -> None:
        """Note that a secondary may have given out until a moment ago what a zone had before."""
        accounts = self._accounts.values()
        told = [(version, one.ttl) for by in accounts for version, one in by.bounds.items()]
        ttl = longest_gone(told, self._current, secondary.zone)
        if ttl is None or not self._reaches_back:
            self._hold_all(secondary.name, secondary.since)
        elif ttl:
            until, floored = self._end_of(secondary.since, ttl)
            self._held.append(CacheHolding(secondary.name, None, until, floored))
            if until + MARGIN_S > self._now:
                self._waits.append(
                    f"secondary {secondary.name} has been seen with this version of "
                    f"{secondary.zone} for {_spell(self._now - secondary.since)}"
                )

    # -- nodes --------------------------------------------------------------------------------

    def _alive(self) -> dict[str, _Account]:
        closed = self.census.fences
        return {node: one for node, one in self._accounts.items() if node not in closed}

    def _given_by_all(self) -> frozenset[Version]:
        """Return the answers to a name that every node gives now: their end is not waited for."""
        alive = self._alive().values()
        if self._inquiry.question.target or not alive:
            return frozenset()
        return frozenset.intersection(*(one.uses(Use.SERVED) for one in alive))

    def _hold(self, node: str, account: _Account) -> None:
        uses = {line.version: line.use for line in account.latest.report.lines}
        for version, bound in account.bounds.items():
            given = bound.last > NEVER or bound.until > account.latest.received - WEEK_S
            if given and version not in self._current:
                floored = max(bound.until, bound.last + self._floor)
                use = uses.get(version, Use.IDLE)
                self._held.append(CacheHolding(node, version, bound.until, floored, use))

    def _look_at_answer(self, node: str, latest: Answered) -> None:
        """Look whether the latest answer of a node says how things are now."""
        if latest.asked < self._inquiry.since:
            self._unknown.append(f"node {node} has not reported since the switch")
        elif (silent := self._now - latest.asked) > FRESH_S:
            self._unknown.append(f"node {node} has been silent for {_spell(silent)}")
        elif latest.report.doubt:
            self._unknown.append(f"node {node}: {latest.report.doubt}")

    def _look_before(self, node: str, latest: Answered) -> None:
        """Look what caches may hold of the time before a node began its account."""
        ttl, why = before_account(latest.report, self._inquiry.ttl)
        until, floored = self._end_of(latest.received - latest.report.kept, ttl)
        if floored + MARGIN_S <= self._now and latest.report.kept >= WEEK_S:
            return
        self._held.append(CacheHolding(node, None, until, floored))
        if until + MARGIN_S > self._now:
            self._reaches_back = False
            self._waits.append(why)

    def _look_at_fenced(self, node: str, at: float) -> None:
        """Close the account of a node that is said to have stopped."""
        account = self._accounts.get(node)
        if at > self._now:
            self._unknown.append(f"node {node} is not fenced yet")
        elif account is not None and account.latest.asked > at:
            self._unknown.append(
                f"node {node} was declared dead, but has reported since; {ALIVE.format(node)}"
            )
        else:
            self._hold_all(node, at)

    def _hold_all(self, node: str, last: float) -> None:
        """Note that ``node`` may have given out anything until ``last``."""
        ttl = self._longest()
        self._held.append(CacheHolding(node, None, *self._end_of(last, ttl)))
        if ttl >= WEEK_S:
            self._waits.append(f"{node} may have answered with anything until then; {_STATE_IT}")

    def _end_of(self, last: float, ttl: float) -> tuple[float, float]:
        """Return until when caches hold what was given out at ``last``; and with a floor."""
        return last + ttl, last + max(ttl, self._floor)

    def _ceiling_of(self, report: NodeReport) -> float:
        return _ceiling_of(report, self._inquiry.ttl)

    def _longest(self) -> float:
        """Return the largest TTL that a server may have given that cannot be asked."""
        told = [bound.ttl for one in self._accounts.values() for bound in one.bounds.values()]
        if self.census.latest:
            answers = self.census.latest.values()
            return max([*told, *(self._ceiling_of(one.report) for one in answers)])
        return max([*told, WEEK_S if self._inquiry.ttl is None else self._inquiry.ttl])

    def _look_how_far_back(self, alive: Mapping[str, _Account]) -> None:
        """Judge that no node has ever given it out, by how long that is known."""
        kept = min(account.latest.report.kept for account in alive.values())
        question = self._inquiry.question
        if self._reaches_back:
            self._remarks.append(f"no node has answered with {question} in the last {_spell(kept)}")
        else:
            self._unknown.append(
                f"no node knows {question}: check the spelling, or else it was last used before "
                f"the nodes' accounts began, {_spell(kept)} ago"
            )


def _accounts(question: CacheQuestion, there: Census) -> dict[str, _Account]:
    """Return the account of each node that has answered, as far as the question concerns it."""
    found: dict[str, _Account] = {}
    for answer in there.answers:
        node = answer.node
        bounds = found[node].bounds if node in found else {}
        lines = [one for one in answer.report.lines if question.concerns(one.version)]
        for line in lines:
            bounds[line.version] = bounds.get(line.version, Bound()).join(
                Bound(
                    answer.received + line.left,
                    NEVER if line.ago is None else answer.received - line.ago,
                    line.ttl,
                )
            )
        report = msgspec.structs.replace(answer.report, lines=tuple(lines))
        found[node] = _Account(msgspec.structs.replace(answer, report=report), bounds)
    return found


def before_account(report: NodeReport, stated: int | None) -> tuple[float, str]:
    """Return the largest TTL that a node gave out before it began its account, and a sentence.

    ``stated`` is what the asker says of it. Caches hold it for so long from the beginning on.
    """
    ttl = _ceiling_of(report, stated) if report.before is None else report.before
    return ttl, (
        f"node {report.node} began its account {_spell(report.kept)} ago, and caches may hold "
        f"what was given out there before ({_origin(report, ttl)})"
    )


def _ceiling_of(report: NodeReport, stated: int | None) -> float:
    """Return the largest TTL that there was at a node, which ``stated`` says if it does not."""
    largest = stated if report.ceiling is None else report.ceiling
    return WEEK_S if largest is None else min(WEEK_S, largest)


def _origin(report: NodeReport, ttl: float) -> str:
    """Return where the largest TTL of the time before an account comes from, or what to do."""
    if report.before is not None:
        return f"no TTL was above {_spell(ttl)} there, as declared"
    if report.ceiling is not None:
        return f"its longest_ttl is {_spell(ttl)}"
    if ttl < WEEK_S:
        return f"no TTL was above {_spell(ttl)}, says --ttl"
    return f'{_STATE_IT}; if nothing was, "dnsd declare past --ttl 0s" on that node says so'


def _is_before(serial: int, wanted: int) -> bool:
    """Return whether ``serial`` is older, or not to be compared (RFC 1982 §3.2)."""
    return (serial - wanted) % (1 << 32) >= 1 << 31


def _named(versions: Iterable[Version]) -> str:
    every = [str(version) for version in sorted(versions)]
    return ", ".join(shortlist(every, _NAMED)) or "nothing"


def _spell(seconds: float) -> str:
    return format_duration(ceil(seconds))
