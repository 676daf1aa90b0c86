"""What was felt, beside what was promised, as data, and its report. Pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Self

from bench.study import results
from bench.study.figures import Figure
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.promise.site import Site
    from bench.study.text import Part

TITLE = "A promise in seconds, and what was felt"


class Row(results.Row, frozen=True):
    """Machines that died in one way: seconds that were promised, and felt by each name."""

    names: int
    checks: str
    way: str
    kills: int
    promised: float
    median: float
    longest: float

    @classmethod
    def of(cls, site: Site, way: str, kills: int, promised: float, felt: Sequence[float]) -> Self:
        """Return the figures of what was ``felt``."""
        checks = "shared" if site.shared else "distinct"
        longest = round(max(felt), 2)
        return cls(
            site.names, checks, way, kills, promised, round(statistics.median(felt), 2), longest
        )

    @property
    def is_kept(self) -> bool:
        """Whether no failure was felt longer than was promised."""
        return self.longest <= self.promised


class Promise(results.Study, frozen=True, kw_only=True):
    """All of it."""

    rows: list[Row]


def parts(study: Promise) -> list[Part]:
    """Return the sections of the report."""
    head = ["names", "checks", "the machine", "kills", "promised", "median", "longest", "kept"]
    rows = [
        [
            *(str(row.names), row.checks, row.way, str(row.kills), f"{row.promised:.2f}"),
            *(f"{row.median:.1f}", f"{row.longest:.1f}", "yes" if row.is_kept else "no"),
        ]
        for row in study.rows
    ]
    return [
        "Two machines die in turn; for how long a name can lead to the one that died, in seconds.",
        Table("Promised and felt", head, rows),
    ]


def figures(study: Promise) -> list[Figure]:
    """Return the median and the longest of what was felt."""
    return [
        Figure(f"{row.checks} checks, {row.way}: {what}", "s", [value])
        for row in study.rows
        for what, value in (("median", row.median), ("longest", row.longest))
    ]


def faults(study: Promise) -> list[str]:
    """Return which promises were not kept."""
    return [
        f"{row.checks} checks, {row.way}: felt for {row.longest} s, promised {row.promised:.2f} s"
        for row in study.rows
        if not row.is_kept
    ]
