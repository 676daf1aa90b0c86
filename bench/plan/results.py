"""A plan as data: what each TTL costs and buys, and what else would keep the objective."""

from __future__ import annotations

import msgspec

from bench.study.results import Study


class Line(msgspec.Struct, frozen=True):
    """One TTL: queries per second (``likely`` None if that cannot be told) and recovery, in s.

    ``peak`` ones are those of the busiest hour, whose ``budget`` is kept: "yes", "no", "likely",
    "unlikely", "perhaps". ``fixed`` ones are with a TTL that never changes, ``dnsd`` ones with
    dnsd's: until half and 95 % of the users are back, the last one whose cache keeps to TTLs, and
    the last one behind a resolver with a floor. ``objective`` says whether dnsd's worst keeps it.
    """

    ttl: int
    least: float
    likely: float | None
    most: float | None
    peak_least: float
    peak_likely: float | None
    peak_most: float | None
    budget: str
    fixed_median: float
    fixed_p95: float
    fixed_worst: float
    dnsd_median: float
    dnsd_p95: float
    dnsd_worst: float
    dnsd_floored: float
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


class Recommended(msgspec.Struct, frozen=True):
    """One TTL for one RRset, as :class:`dnsd.ttladvice.advice.Advice` has it. Rates per second."""

    name: str
    kind: str
    today: int
    ttl: int
    why: str
    now: float
    least: float
    mean: float
    most: float
    peak: float
    median: float | None
    p95: float | None
    worst: float | None
    floored: float | None
    step: str
    sentence: str


class Together(msgspec.Struct, frozen=True):
    """What is asked for one name: queries per second by type, as they were seen."""

    name: str
    types: dict[str, float]


class Dot(msgspec.Struct, frozen=True):
    """A rate of queries that was measured with real resolvers, with its 95 % interval."""

    ttl: float
    rate: float
    low: float
    high: float
    kind: str


class Floor(msgspec.Struct, frozen=True):
    """This share of the resolvers holds nothing for less than so many seconds."""

    share: float
    seconds: float


class PlanStudy(Study, frozen=True, kw_only=True):
    """A whole plan. ``queries`` and ``objective`` are the limits, ``present`` how is checked now.

    Without a limit it is None. ``about_names``: whose TTL is planned; ``today``: which ones they
    have, as far as it is known. ``smallest``: the least TTL that is to be expected
    within the budget at the peak, ``largest``: the largest one that keeps the objective, each None
    if there is none. ``sentence`` is the verdict on the TTL ``best``, ``verdict`` on the range.
    ``curve``: lines for the picture; ``dots``: what real resolvers asked with the same demand;
    ``measured``: TTLs with the rates that were seen at them. ``advice``: one TTL for each RRset.
    """

    queries: float | None
    objective: float | None
    source: str
    about_names: str
    today: list[float]
    present: Way
    ttl_min: int
    floor: Floor
    smallest: int | None
    largest: int | None
    best: int
    sentence: str
    verdict: str
    lines: list[Line]
    ways: list[Way]
    left_out: int
    curve: list[Line]
    measured: list[tuple[float, float]]
    dots: list[Dot]
    advice: list[Recommended]
    together: str
    names: list[Together]
