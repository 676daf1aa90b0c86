"""What the storms were like, as data, and their report: all figures come from the series. Pure."""

from __future__ import annotations

import math
import statistics
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bench.storm.caches import HABITS
from bench.study import results
from bench.study.figures import Figure
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.study.text import Part

STEADY_S = 5
"""Seconds in a row that must be normal before the load or the users count as normal again."""
SIGMAS = 3.0
USERS_OK = 0.01
"""Share of failed lookups up to which users count as served."""
FAILURES = {
    "vanished": "nobody takes what arrives: a dead host, a cut link",
    "hung": "the processes are stopped (SIGSTOP): the kernel takes queries, nobody answers",
    "stopped": "the server has ended: the kernel refuses (ICMP, RST); when the outage is over it is"
    " started anew, which takes its time",
}


class Series(msgspec.Struct, frozen=True):
    """One group of caches, a value for each second from the beginning on.

    ``udp`` and ``tcp``: queries and SYNs that arrived at the server; ``answered`` and ``failed``:
    lookups of its users, by the second in which they were asked. ``caches``: how many there are.
    """

    group: str
    caches: int
    udp: list[int]
    tcp: list[int]
    answered: list[int]
    failed: list[int]


class Storm(results.Row, frozen=True, kw_only=True):
    """One failure: it began after ``before`` seconds and lasted ``outage``.

    ``cold``: at the moment of the return all caches were emptied, as if they had been restarted.
    ``dropped``: packets that could not be counted; ``lost``: TCP tries that were not made;
    ``late``: the most seconds that users came too late, because the machine was busy.
    """

    ttl: int
    failure: str
    cold: bool
    before: int
    outage: int
    after: int
    groups: list[Series]
    dropped: int
    lost: int
    late: float

    @property
    def label(self) -> str:
        """Return what tells it from the others."""
        return f"TTL {self.ttl} s, {self.failure}" + (", then cold" if self.cold else "")


class Storms(results.Study, frozen=True, kw_only=True):
    """All storms; ``words`` says of each group what it is."""

    words: dict[str, str]
    storms: list[Storm]


class Side(StrEnum):
    """Whose queries: they are never put together, because nobody has as many of both."""

    REAL = "real resolvers"
    SIMULATED = "simulated caches"


def sides(storm: Storm) -> dict[Side, list[Series]]:
    """Return the groups of each side."""
    simulated = {habit.name for habit in HABITS}
    return {
        Side.REAL: [each for each in storm.groups if each.group not in simulated],
        Side.SIMULATED: [each for each in storm.groups if each.group in simulated],
    }


def times_normal(storm: Storm, groups: Sequence[Series]) -> list[float]:
    """Return the load of each second, the mean with its neighbours, in multiples of the normal."""
    load = _sum([series for each in groups for series in (each.udp, each.tcp)])
    normal = statistics.fmean(load[: storm.before])
    return [value / normal if normal else math.nan for value in _smooth(load)]


def failing(groups: Sequence[Series]) -> list[float]:
    """Return the percentage of failed lookups in each second; not a number where there are none."""
    failed, answered = (_sum([getattr(each, w) for each in groups]) for w in ("failed", "answered"))
    return [
        100 * bad / (bad + good) if bad + good else math.nan
        for bad, good in zip(failed, answered, strict=True)
    ]


class Figures(NamedTuple):
    """One storm, or one group of it, in figures: queries a second at the server; seconds.

    ``recovered`` and ``served``: seconds after the return until load, or users, were normal for
    STEADY_S seconds; None if that was not seen.
    """

    normal: float
    during: float
    peak: int
    tcp: float
    returning: int
    recovered: int | None
    failed: float
    failed_after: float
    served: int | None

    @property
    def growth(self) -> float:
        """How many times the normal load the mean load during the outage is."""
        return self.during / self.normal if self.normal else math.nan


def figures(storm: Storm, groups: Sequence[Series]) -> Figures:
    """Sum ``groups`` up; the first second of an outage is a mixed one and counts with it."""
    udp = _sum([group.udp for group in groups])
    tcp = _sum([group.tcp for group in groups])
    load = [sum(pair) for pair in zip(udp, tcp, strict=True)]
    answered = _sum([group.answered for group in groups])
    failed = _sum([group.failed for group in groups])
    start, end = storm.before, storm.before + storm.outage
    quiet, during, after = load[:start], load[start:end], load[end:]
    return Figures(
        normal=statistics.fmean(quiet),
        during=statistics.fmean(during),
        peak=max(during),
        tcp=sum(tcp[start:end]) / max(1, sum(during)),
        returning=max(after),
        recovered=steady([value <= ceiling(quiet) for value in _smooth(after)]),
        failed=_share(failed[start:end], answered[start:end]),
        failed_after=_share(failed[end:], answered[end:]),
        served=steady(
            [
                bad <= USERS_OK * (good + bad)
                for good, bad in zip(answered[end:], failed[end:], strict=True)
            ]
        ),
    )


def ceiling(quiet: Sequence[int]) -> float:
    """Return up to which load a second counts as normal: SIGMAS deviations above the mean.

    The deviation is that of the seconds before the outage, or of a Poisson process if that is
    larger: a few quiet seconds say little.
    """
    mean = statistics.fmean(quiet)
    return mean + SIGMAS * max(statistics.pstdev(quiet), math.sqrt(mean))


def steady(normal: Sequence[bool]) -> int | None:
    """Return the first second from which on STEADY_S in a row are normal, or None."""
    row = 0
    for second, fine in enumerate(normal):
        row = row + 1 if fine else 0
        if row == STEADY_S:
            return second - STEADY_S + 1
    return None


def _smooth(values: Sequence[int]) -> list[float]:
    """Return the mean of each value and those beside it."""
    return [statistics.fmean(values[max(0, i - 1) : i + 2]) for i in range(len(values))]


def _sum(columns: Sequence[Sequence[int]]) -> list[int]:
    return [sum(row) for row in zip(*columns, strict=True)]


def _share(part: Sequence[int], rest: Sequence[int]) -> float:
    return sum(part) / max(1, sum(part) + sum(rest))


HEAD = ["caches", "normal", "outage", "growth", "peak", "TCP", "peak after", "load normal after"]
HEAD += ["failed in the outage", "failed after", "users served after"]


def parts(study: Storms) -> list[Part]:
    """Return the report's sections: one table over all storms, then one for each."""
    found: list[Part] = [
        "Queries a second that arrived at the authoritative server, TCP connections (SYNs)"
        " among them. *Growth*: the mean of the outage as a multiple of the normal load. *Load"
        f" normal after*: seconds after the return until the load was at most {SIGMAS:g}"
        f" deviations above the mean before, for {STEADY_S} s; *users served after*: until at"
        f" most {USERS_OK:.0%} of their lookups failed, for {STEADY_S} s.",
    ]
    for side in Side:
        rows = [
            [storm.label, *_cells(figures(storm, groups))]
            for storm in study.storms
            if (groups := sides(storm)[side])
        ]
        if rows:
            found.append(Table(f"All {side} together", ["storm", *HEAD[1:]], rows))
    for storm in study.storms:
        rows = [
            [f"{each.group} ({each.caches})", *_cells(figures(storm, [each]))]
            for each in storm.groups
        ]
        found.append(Table(storm.label, HEAD, rows))
    return [*found, _words(study), _disturbances(study)]


def _words(study: Storms) -> str:
    lines = [f"{name}: {words}" for name, words in study.words.items()]
    lines += [f"*{name}*: {words}" for name, words in FAILURES.items()]
    return "## What the words mean\n\n" + "\n".join(f"- {line}" for line in lines)


def _disturbances(study: Storms) -> str:
    """Say of each storm what the machine kept from being done or counted."""
    lines = [_disturbance(storm) for storm in study.storms]
    return "## How well it was played\n\n" + "\n".join(f"- {line}" for line in lines)


def _disturbance(storm: Storm) -> str:
    return (
        f"{storm.label}: {storm.dropped} packets were not counted, {storm.lost} TCP tries were not"
        f" made, the users were at most {storm.late * 1000:.0f} ms late"
    )


def _cells(found: Figures) -> list[str]:
    return [
        f"{found.normal:,.1f}",
        f"{found.during:,.1f}",
        "" if math.isnan(found.growth) else f"×{found.growth:,.1f}",
        f"{found.peak:,}",
        f"{found.tcp:.0%}",
        f"{found.returning:,}",
        _seconds(found.recovered),
        f"{found.failed:.1%}",
        f"{found.failed_after:.1%}",
        _seconds(found.served),
    ]


def _seconds(found: int | None) -> str:
    return "not seen" if found is None else f"{found} s"


def totals(study: Storms) -> list[Figure]:
    """Return by how much each storm makes the load grow, and whom it reaches."""
    found = []
    for storm in study.storms:
        for side, groups in sides(storm).items():
            if groups:
                told, what = figures(storm, groups), f"{storm.label}: {side}, "
                found.append(Figure(what + "load", "× normal", [told.growth]))
                found.append(Figure(what + "failed", "%", [100 * told.failed]))
    return found


class Row(msgspec.Struct, frozen=True):
    """A row of the CSV: one second of one group; ``second`` counts from the failure on."""

    repeat: int
    storm: str
    second: int
    group: str
    udp: int
    tcp: int
    answered: int
    failed: int


def rows(study: Storms) -> list[Row]:
    """Return every second of every group."""
    return [
        Row(storm.repeat, storm.label, second - storm.before, each.group, *values)
        for storm in study.storms
        for each in storm.groups
        for second, values in enumerate(
            zip(each.udp, each.tcp, each.answered, each.failed, strict=True)
        )
    ]
