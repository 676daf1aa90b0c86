"""One TTL for each RRset, with the reason: the largest that keeps its objective, within a budget.

An RRset with an objective (a pool) gets the largest TTL with which the last cache that keeps to
TTLs is right in time: each larger one is too late, each smaller one costs more queries. What has
no objective keeps its TTL, unless queries at the daily peak are over the budget; then the TTLs that
save most grow, to a day at most. Knows neither zones nor files. Times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config.units import format_duration
from dnsd.failover.objective import Timing, largest_ttl, worst
from dnsd.ttladvice import recovery
from dnsd.ttladvice.recovery import Floors, Recovery

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnsd.failover.price import Forecast
    from dnsd.ttladvice.demand import RRsetDemand

DAY_S = 86_400
_MINUTES = (60, 90, 120, 180, 300, 600, 900, 1800)
USUAL = (1, 2, 5, 10, 15, 20, 30, 45, *_MINUTES, 3600, 7200, 14_400, 28_800, 43_200, DAY_S)
"""The usual TTLs: advice states the price of the next larger one."""

_LEAST = 0.001
"""A smaller rate is shown as less than this, in queries per second."""


class Goal(NamedTuple):
    """A pool's objective, how its members are checked, and the smallest TTL it gives out."""

    objective: float
    timing: Timing
    ttl_min: int


@dataclass(frozen=True, slots=True)
class Subject:
    """An RRset with the TTL ``today``; ``goal`` None: no recovery time is asked of it."""

    asked: RRsetDemand
    today: int
    goal: Goal | None = None

    @property
    def name(self) -> str:
        """What to look for in the zone file."""
        if self.asked.kind == "negative":
            return f"{self.asked.name} SOA minimum"
        return f"{self.asked.name} {self.asked.type}"


@dataclass(frozen=True, slots=True)
class Advice:
    """The TTL ``ttl`` for ``subject``, why, and what the next larger usual one changes.

    ``queries`` are those of the mean, ``peak`` of the busiest part of the day; ``now`` of the mean
    with today's TTL. ``back`` is None without an objective.
    """

    subject: Subject
    ttl: int
    why: str
    queries: Forecast
    peak: Forecast
    now: Forecast
    back: Recovery | None
    step: str

    @property
    def kept(self) -> bool:
        """Whether today's TTL keeps the objective, if there is one."""
        goal = self.subject.goal
        return goal is None or self.subject.today <= self.ttl

    def sentence(self) -> str:
        """Return the advice for people, with its price."""
        subject = self.subject
        price = f"{rate(mean(self.queries))} queries/s, peak {rate(mean(self.peak))}"
        if self.ttl == subject.today:
            return f"{subject.name} has TTL {subject.today}: keep it ({self.why}; {price})"
        return (
            f"{subject.name} has TTL {subject.today}; {self.ttl} s {self.why} at {price}"
            f" (today {rate(mean(self.now))}){'; ' if self.step else ''}{self.step}"
        )


@dataclass(frozen=True, slots=True)
class Advised:
    """All advice, and what is asked with it at the peak: ``least`` and ``most`` are its interval.

    ``budget`` in queries per second, None without one.
    """

    found: tuple[Advice, ...]
    budget: float | None

    @property
    def peak(self) -> float:
        """Queries per second at the peak, if all advice is taken."""
        return sum(mean(one.peak) for one in self.found)

    @property
    def peak_today(self) -> float:
        """The same with today's TTLs."""
        return sum(mean(one.subject.asked.at_peak(one.subject.today)) for one in self.found)

    @property
    def fits(self) -> bool:
        """Whether that is within the budget."""
        return self.budget is None or self.peak <= self.budget

    def sentence(self) -> str:
        """Return in a sentence what all advice together costs at the peak."""
        told = f"{rate(self.peak)} queries/s at the peak (today {rate(self.peak_today)})"
        if self.budget is None:
            return f"With these TTLs caches ask {told}."
        verdict = "within" if self.fits else "over"
        return f"With these TTLs caches ask {told}, {verdict} the budget of {self.budget:g}."


def advise(
    subjects: Iterable[Subject], budget: float | None = None, floors: Floors | None = None
) -> Advised:
    """Return one TTL for each of ``subjects``, dearest first; ``budget`` counts at the peak."""
    floors = floors or Floors()
    chosen = [_choose(subject, floors) for subject in subjects]
    if budget is not None:
        chosen = _save(chosen, budget)
    return Advised(tuple(sorted(chosen, key=lambda one: -mean(one.now))), budget)


def _choose(subject: Subject, floors: Floors) -> Advice:
    goal = subject.goal
    if goal is None:
        return _priced(subject, subject.today, "no objective asks for another", None, floors)
    largest = largest_ttl(goal.timing, goal.ttl_min, goal.objective)
    wanted = format_duration(goal.objective)
    if largest is None:
        why = f"no TTL meets the objective of {wanted} with these checks: see dnsd rto"
        return _priced(subject, subject.today, why, goal, floors)
    why = f"meets the objective of {wanted}"
    return _priced(subject, min(largest, DAY_S), why, goal, floors)


def _priced(subject: Subject, ttl: int, why: str, goal: Goal | None, floors: Floors) -> Advice:
    asked = subject.asked
    back = None
    if goal is not None:
        back = recovery.adaptive(goal.timing, ttl, goal.ttl_min, asked.caches, floors)
    return Advice(
        subject,
        ttl,
        why,
        asked.price(ttl),
        asked.at_peak(ttl),
        asked.price(subject.today),
        back,
        next_step(asked, ttl, goal),
    )


def next_step(asked: RRsetDemand, ttl: int, goal: Goal | None) -> str:
    """Say what the next larger usual TTL saves and costs; empty if there is none."""
    larger = next((one for one in USUAL if one > ttl), None)
    if larger is None:
        return ""
    saved = mean(asked.price(ttl)) - mean(asked.price(larger))
    told = f"{larger} s saves {rate(saved)} queries/s"
    if goal is None:
        return told
    timing, least = goal.timing, goal.ttl_min
    later = worst(timing, larger, least) - worst(timing, ttl, least)
    return f"{told} and costs {later:.3g} s"


def _save(chosen: list[Advice], budget: float) -> list[Advice]:
    """Lengthen TTLs without an objective until the peak fits ``budget``, most savings first."""
    over = sum(mean(one.peak) for one in chosen) - budget
    if over <= 0:
        return chosen
    free = [at for at, one in enumerate(chosen) if one.subject.goal is None and one.ttl < DAY_S]
    found = list(chosen)
    for at in sorted(free, key=lambda at: -_saved(chosen[at], DAY_S)):
        if over <= 0:
            break
        one = chosen[at]
        larger = [ttl for ttl in USUAL if ttl > one.ttl]
        ttl = next((ttl for ttl in larger if _saved(one, ttl) >= over), DAY_S)
        over -= _saved(one, ttl)
        why = f"has no objective and helps to keep the budget of {budget:g} queries/s at the peak,"
        found[at] = _lengthened(one, ttl, why)
    return found


def _lengthened(one: Advice, ttl: int, why: str) -> Advice:
    asked = one.subject.asked
    price, peak = asked.price(ttl), asked.at_peak(ttl)
    step = next_step(asked, ttl, None)
    return replace(one, ttl=ttl, why=why, queries=price, peak=peak, step=step)


def _saved(one: Advice, ttl: int) -> float:
    return mean(one.peak) - mean(one.subject.asked.at_peak(ttl))


def mean(price: Forecast) -> float:
    """Return the likely rate, or the upper bound if that is unknown."""
    return price.most if price.likely is None else price.likely


def rate(value: float) -> str:
    """Format queries per second with as many digits as are significant."""
    if 0 < value < _LEAST:
        return f"less than {_LEAST:g}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def lines(advised: Advised) -> Sequence[str]:
    """Return all advice as sentences."""
    return [*(one.sentence() for one in advised.found), advised.sentence()]
