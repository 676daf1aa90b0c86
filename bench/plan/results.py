"""A plan as data: what each TTL costs and buys, and what else would keep the objective."""

from __future__ import annotations

import msgspec

from bench.study.results import Study


class Line(msgspec.Struct, frozen=True):
    """One TTL: queries per second (``likely`` None if that cannot be told) and worst cases, s.

    ``budget``: "yes", "no", "likely", "unlikely" or "perhaps". ``fixed`` is the worst case with
    a TTL that never changes, ``worst`` dnsd's; ``objective`` says whether that one keeps it.
    """

    ttl: int
    least: float
    likely: float | None
    most: float | None
    budget: str
    fixed: float
    worst: float
    objective: bool

    @property
    def fits(self) -> bool:
        """Whether it is to be expected that this TTL keeps both."""
        return self.objective and self.budget in {"yes", "likely"}


class Way(msgspec.Struct, frozen=True):
    """Another way to check, with the largest TTL that keeps the objective then. Times in s."""

    interval: float
    timeout: float
    fast_interval: float
    down: int
    line: Line
    checks: float


class PlanStudy(Study, frozen=True, kw_only=True):
    """A whole plan. ``queries`` and ``objective`` are the limits, ``present`` how is checked now.

    ``smallest``: the least TTL that is to be expected within the budget, ``largest``: the largest
    one that keeps the objective, each None if there is none. ``curve``: lines for the picture;
    ``measured``: TTLs with the rates that were measured at them.
    """

    queries: float
    objective: float
    source: str
    present: Way
    ttl_min: int
    smallest: int | None
    largest: int | None
    verdict: str
    lines: list[Line]
    ways: list[Way]
    left_out: int
    curve: list[Line]
    measured: list[tuple[float, float]]
