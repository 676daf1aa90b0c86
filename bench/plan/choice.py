"""Which TTLs fit: the table, the two ends of the range, and the other ways. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.plan.results import Line, Way
from dnsd.config.units import format_duration
from dnsd.failover import objective
from dnsd.failover.objective import Timing, fixed_worst, largest_ttl, worst

if TYPE_CHECKING:
    from bench.plan.source import Source
    from dnsd.failover.price import Forecast

LONGEST = 7 * 86_400
"""No TTL beyond this is thought of, s."""
WAYS = 8
"""So many other ways are shown."""
_FINE = 16
"""Points of the curve for each doubling of the TTL."""


class Limits(NamedTuple):
    """What is to be kept: queries per second, seconds until all is well after a failure."""

    queries: float
    objective: float


class Checks(NamedTuple):
    """How members are checked, and the smallest TTL that dnsd gives out when one is in doubt."""

    timing: Timing
    ttl_min: int


def line(source: Source, limits: Limits, checks: Checks, ttl: int) -> Line:
    """Return what ``ttl`` costs and buys."""
    price = source.price(ttl)
    reached = worst(checks.timing, ttl, checks.ttl_min)
    room = largest_ttl(checks.timing, checks.ttl_min, limits.objective)
    return Line(
        ttl=ttl,
        least=price.least,
        likely=price.likely,
        most=None if price.most == float("inf") else price.most,
        budget=_budget(price, limits.queries),
        fixed=fixed_worst(checks.timing, ttl),
        worst=reached,
        objective=room is not None and ttl <= room,
    )


def _budget(price: Forecast, queries: float) -> str:
    if price.most <= queries:
        return "yes"
    if price.least > queries:
        return "no"
    if price.likely is None:
        return "perhaps"
    return "likely" if price.likely <= queries else "unlikely"


def smallest(source: Source, queries: float) -> int | None:
    """Return the least TTL with which no more than ``queries`` a second are to be expected.

    Where nothing is likely, the upper bound has to keep the budget. None if no TTL does.
    """

    def keeps(ttl: int) -> bool:
        price = source.price(ttl)
        return (price.most if price.likely is None else price.likely) <= queries

    if not keeps(LONGEST):
        return None
    low, high = -1, LONGEST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high


def lines(source: Source, limits: Limits, checks: Checks, ttls: set[int]) -> list[Line]:
    """Return the table: ``ttls``, and the ends of the range that fits."""
    ends = {smallest(source, limits.queries), _largest(limits, checks)} - {None}
    wanted = sorted(ttls | {ttl for ttl in ends if ttl is not None})
    return [line(source, limits, checks, ttl) for ttl in wanted]


def curve(source: Source, limits: Limits, checks: Checks, longest: int) -> list[Line]:
    """Return lines from a TTL of 0 to ``longest``, as close as a logarithmic picture needs."""
    steps = {round(2 ** (step / _FINE)) for step in range(_FINE * 20)}
    wanted = sorted({0, longest, *(ttl for ttl in steps if ttl <= longest)})
    return [line(source, limits, checks, ttl) for ttl in wanted]


def _largest(limits: Limits, checks: Checks) -> int | None:
    return largest_ttl(checks.timing, checks.ttl_min, limits.objective)


def ways(source: Source, limits: Limits, checks: Checks) -> list[Way]:
    """Return all ways to check that keep the objective, those within the budget first."""
    least = smallest(source, limits.queries)
    ttl_max = LONGEST if least is None else max(least, 1)
    found = [
        Way(
            by.timing.interval,
            by.timing.timeout,
            by.timing.fast_interval,
            by.timing.down,
            line(source, limits, Checks(by.timing, checks.ttl_min), by.ttl_max),
            by.checks,
        )
        for by in objective.alternatives(checks.timing, ttl_max, checks.ttl_min, limits.objective)
    ]
    return sorted(found, key=lambda way: (not way.line.fits, -way.line.ttl))


def verdict(source: Source, limits: Limits, checks: Checks) -> str:
    """Return in a sentence which TTLs fit, or why none does."""
    least, most = smallest(source, limits.queries), _largest(limits, checks)
    budget = f"{limits.queries:g} queries/s"
    goal = format_duration(limits.objective)
    if least is None:
        return f"No TTL is sure to keep {budget}: know more of the demand, or raise the budget."
    if most is None:
        return f"No TTL keeps {goal} with these checks; {budget} need one of at least {least} s."
    if least <= most:
        return f"TTLs from {least} to {most} s keep {budget} and recover within {goal}."
    price = source.price(most)
    cost = price.most if price.likely is None else price.likely
    return (
        f"No TTL keeps both: {budget} need one of at least {least} s, and {goal} one of at most"
        f" {most} s, which costs {cost:,.4g} queries/s."
    )
