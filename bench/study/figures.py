"""The figures that a study stands for, over its repeats: mean and interval. Pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for an interval of 95 %, by degrees of freedom from 1."""


class Figure(msgspec.Struct, frozen=True):
    """A figure and its value in each repeat that has one."""

    what: str
    unit: str
    values: list[float]


class Interval(NamedTuple):
    """A mean, and between which bounds it lies with 95 %; the range where one value is all."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of ``values`` (one at least) with Student's interval of 95 %."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Interval(mean, mean, mean)
    half = _t(len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    # What is never negative has no mean below nothing.
    low = mean - half if min(values) < 0 else max(0.0, mean - half)
    return Interval(mean, low, mean + half)


def _t(freedom: int) -> float:
    """Return Student's t; beyond the table it nears the normal distribution's by 1/freedom."""
    last = len(T_975)
    if freedom <= last:
        return T_975[freedom - 1]
    normal = statistics.NormalDist().inv_cdf(0.975)
    return normal + (T_975[-1] - normal) * last / freedom


def join(runs: Iterable[Sequence[Figure]]) -> list[Figure]:
    """Return the figures of several repeats as one list."""
    found: dict[tuple[str, str], list[float]] = {}
    for figures in runs:
        for figure in figures:
            found.setdefault((figure.what, figure.unit), []).extend(figure.values)
    return [Figure(what, unit, values) for (what, unit), values in found.items()]


def table(figures: Sequence[Figure]) -> Table:
    """Return the figures with their intervals."""
    head = ["figure", "unit", "repeats", "mean", "95 % interval", "least", "most"]
    rows = []
    for figure in figures:
        mean, low, high = interval(figure.values)
        between = f"{_words(low)} to {_words(high)}" if len(figure.values) > 1 else "one run: none"
        cells = [_words(mean), between, _words(min(figure.values)), _words(max(figure.values))]
        rows.append([figure.what, figure.unit, str(len(figure.values)), *cells])
    return Table("Over all repeats", head, rows)


def _words(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
