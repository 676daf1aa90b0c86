"""Which TTLs fit: the table, the two ends of the range, and the other ways. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.plan.results import Line, Way
from dnsd.config.units import format_duration
from dnsd.failover import objective
from dnsd.failover.objective import Timing, largest_ttl
from dnsd.ttladvice import recovery
from dnsd.ttladvice.advice import USUAL, mean, rate
from dnsd.ttladvice.recovery import Floors

if TYPE_CHECKING:
    from bench.plan.source import Source
    from dnsd.failover.price import Forecast

LONGEST = 7 * 86_400
"""No TTL beyond this is thought of, s."""
DAY_S = 86_400
WAYS = 8
"""So many other ways are shown."""
_FINE = 6
"""Points of the curve for each doubling of the TTL."""


class Limits(NamedTuple):
    """What is to be kept: queries per second at the peak, seconds until all is well; None: any."""

    queries: float | None
    objective: float | None


class Checks(NamedTuple):
    """How members are checked, the smallest TTL that dnsd gives out, and resolvers' floors."""

    timing: Timing
    ttl_min: int
    floors: Floors = Floors()


def line(source: Source, limits: Limits, checks: Checks, ttl: int) -> Line:
    """Return what ``ttl`` costs and buys."""
    price, peak = source.price(ttl), source.at_peak(ttl)
    timing, users = checks.timing, source.users
    fixed = recovery.fixed(timing, ttl, users, checks.floors)
    moves = recovery.adaptive(timing, ttl, checks.ttl_min, users, checks.floors)
    room = largest(limits, checks)
    return Line(
        ttl,
        price.least,
        price.likely,
        _finite(price.most),
        peak.least,
        peak.likely,
        _finite(peak.most),
        _budget(peak, limits.queries),
        *fixed[:3],
        *moves,
        objective=limits.objective is None or (room is not None and ttl <= room),
    )


def _finite(rate: float) -> float | None:
    return None if rate == float("inf") else rate


def _budget(price: Forecast, queries: float | None) -> str:
    if queries is None or price.most <= queries:
        return "yes"
    if price.least > queries:
        return "no"
    if price.likely is None:
        return "perhaps"
    return "likely" if price.likely <= queries else "unlikely"


def smallest(source: Source, queries: float | None) -> int | None:
    """Return the least TTL with which no more than ``queries`` a second are expected at the peak.

    Where nothing is likely, the upper bound has to keep the budget. None if no TTL does.
    """

    def keeps(ttl: int) -> bool:
        return queries is None or mean(source.at_peak(ttl)) <= queries

    if not keeps(LONGEST):
        return None
    low, high = -1, LONGEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high


def largest(limits: Limits, checks: Checks) -> int | None:
    """Return the largest TTL that keeps the objective; None if none does, or there is none."""
    if limits.objective is None:
        return None
    return largest_ttl(checks.timing, checks.ttl_min, limits.objective)


def lines(source: Source, limits: Limits, checks: Checks, ttls: set[int]) -> list[Line]:
    """Return the table: ``ttls``, and the ends of the range that fits."""
    ends = {smallest(source, limits.queries), largest(limits, checks)} - {None}
    wanted = sorted(ttls | {ttl for ttl in ends if ttl is not None})
    return [line(source, limits, checks, ttl) for ttl in wanted]


def curve(
    source: Source, limits: Limits, checks: Checks, also: frozenset[int] = frozenset()
) -> list[Line]:
    """Return lines from 1 s to a day, as close as a logarithmic picture needs, and ``also``."""
    wanted = {round(2 ** (step / _FINE)) for step in range(_FINE * 17)}
    ends = {smallest(source, limits.queries), largest(limits, checks)} - {None}
    shown = {ttl for ttl in wanted | {DAY_S} | also | ends if ttl is not None and 1 <= ttl <= DAY_S}
    return [line(source, limits, checks, ttl) for ttl in sorted(shown)]


def ways(source: Source, limits: Limits, checks: Checks) -> list[Way]:
    """Return all ways to check that keep the objective, those within the budget first."""
    if limits.objective is None:
        return []
    least = smallest(source, limits.queries)
    ttl_max = LONGEST if least is None else max(least, 1)
    found = [
        Way(
            by.timing.interval,
            by.timing.timeout,
            by.timing.fast_interval,
            by.timing.down,
            line(source, limits, checks._replace(timing=by.timing), by.ttl_max),
            by.checks,
        )
        for by in objective.alternatives(checks.timing, ttl_max, checks.ttl_min, limits.objective)
    ]
    return sorted(found, key=lambda way: (not way.line.fits, -way.line.ttl))


def best(source: Source, limits: Limits, checks: Checks, today: float) -> int:
    """Return the largest TTL that keeps the objective; without one, ``today`` if it does."""
    most = largest(limits, checks)
    if most is not None:
        return most
    return max(smallest(source, limits.queries) or 0, round(today)) or DAY_S


def sentence(source: Source, limits: Limits, checks: Checks, best: int) -> str:
    """Return in a sentence what the TTL ``best`` costs and buys, and what the next step changes."""
    one = line(source, limits, checks, best)
    price, peak = source.price(best), source.at_peak(best)
    told = (
        f"{best} s: {rate(mean(price))} queries/s (peak {rate(mean(peak))}),"
        f" worst {one.dnsd_worst:.0f} s"
    )
    step = next((ttl for ttl in USUAL if ttl > best), None)
    if step is None:
        return told
    saved = mean(price) - mean(source.price(step))
    later = line(source, limits, checks, step).dnsd_worst - one.dnsd_worst
    return f"{told}; {step} s saves {rate(saved)} queries/s and costs {later:.0f} s"


def verdict(source: Source, limits: Limits, checks: Checks) -> str:
    """Return in a sentence which TTLs fit, or why none does."""
    least, most = smallest(source, limits.queries), largest(limits, checks)
    budget = "" if limits.queries is None else f"{limits.queries:g} queries/s at the peak"
    goal = "" if limits.objective is None else format_duration(limits.objective)
    if least is None:
        return f"No TTL is sure to keep {budget}: know more of the demand, or raise the budget."
    if not goal:
        return f"TTLs from {least} s keep {budget}." if budget else "No limit is to be kept."
    if most is None:
        longer = f"; {budget} need one of at least {least} s" if budget else ""
        return f"No TTL keeps {goal} with these checks{longer}."
    if not budget:
        return f"TTLs up to {most} s recover within {goal}."
    if least <= most:
        return f"TTLs from {least} to {most} s keep {budget} and recover within {goal}."
    cost = mean(source.at_peak(most))
    return (
        f"No TTL keeps both: {budget} need one of at least {least} s, and {goal} one of at most"
        f" {most} s, which costs {cost:,.4g} queries/s."
    )
