"""What a search for the dearest packet has found, as data, and its report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.study import results
from bench.study.figures import Figure
from bench.tables import Table

if TYPE_CHECKING:
    from bench.study.text import Part

TITLE = "The dearest query"
LIMIT_SIGNED = 25.0
"""Plain hits that a packet may cost in a signed zone."""
LIMIT = 5.0
"""The same where there is no DNSSEC in it."""


class Row(results.Row, frozen=True):
    """One packet: where it was put, and how many plain hits it costs dnsd.

    ``rivals`` has the same for other servers, each by its own plain hit.
    """

    zone: str
    packet: str
    transport: str
    dnssec: bool
    factor: float
    rivals: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def is_too_dear(self) -> bool:
        """It costs more than a packet may."""
        return self.factor > (LIMIT_SIGNED if self.dnssec else LIMIT)


class Dearest(results.Study, frozen=True, kw_only=True):
    """A search: what a plain hit costs in microseconds of CPU, and the rows."""

    tried: int
    plain: dict[str, float]
    rows: list[Row]


def parts(study: Dearest) -> list[Part]:
    """Return the sections of the report."""
    plain = ", ".join(f"{name} {micros:.1f} µs" for name, micros in study.plain.items())
    return [
        f"{study.tried} packets were tried. CPU time of a plain hit: {plain}.",
        _table(study, signed=False),
        _table(study, signed=True),
    ]


def _table(study: Dearest, *, signed: bool) -> Table:
    title = "With DNSSEC" if signed else "Without DNSSEC"
    rows = [_line(study, row) for row in study.rows if row.dnssec == signed]
    limit = LIMIT_SIGNED if signed else LIMIT
    return Table(f"{title}: at most {limit:g} plain hits", ["packet", "zone", *study.plain], rows)


def _line(study: Dearest, row: Row) -> list[str]:
    factors = row.rivals | {"dnsd": row.factor}
    cells = [f"{factors[name]:.1f}" if name in factors else "" for name in study.plain]
    return [f"{row.packet}, {row.transport}", row.zone, *cells]


def figures(study: Dearest) -> list[Figure]:
    """Return what the dearest packet costs."""
    return [
        Figure(what, "plain hits", [max(row.factor for row in rows)])
        for what, signed in (("the dearest without DNSSEC", False), ("with DNSSEC", True))
        if (rows := [row for row in study.rows if row.dnssec == signed])
    ]


def faults(study: Dearest) -> list[str]:
    """Return which packets cost more than they may."""
    return [
        f"{row.packet} over {row.transport} ({row.zone}) costs {row.factor:.1f} plain hits"
        for row in study.rows
        if row.is_too_dear
    ]
