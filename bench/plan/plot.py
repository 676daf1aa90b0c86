"""The picture of ``bench plan``: cost above, worst case below, and the TTLs that fit both."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from bench.study import picture
from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.plan.results import PlanStudy


def draw(study: PlanStudy) -> Figure:
    """Return the picture."""
    drawn = picture.figure(9, 8)
    drawn.suptitle(fill(study.verdict, 90), fontsize=12, fontweight="bold")
    cost, delay = drawn.subplots(2, 1, sharex=True)
    _cost(cost, study)
    _delay(delay, study)
    for axes in (cost, delay):
        _fitting(axes, study)
        axes.legend(loc="best")
    picture.ttl_axis(delay, _ticks(study))
    return drawn


def _ticks(study: PlanStudy) -> list[float]:
    """Return the TTLs of the table, without those that would stand upon each other."""
    found: list[float] = []
    for line in study.lines:
        if not found or line.ttl >= max(found[-1] * 1.35, 1):
            found.append(float(line.ttl))
    return found


def _cost(axes: Axes, study: PlanStudy) -> None:
    ttls = [line.ttl for line in study.curve]
    finite = [line for line in study.curve if line.most is not None]
    if any(line.least != line.most for line in study.curve):
        axes.fill_between(
            [line.ttl for line in finite],
            [line.least for line in finite],
            [line.most or 0.0 for line in finite],
            color=picture.SKY,
            alpha=0.35,
            linewidth=0,
            label="whatever the caches are like",
        )
    likely = [line.likely for line in study.curve]
    if None not in likely:
        axes.plot(
            ttls, [rate or 0.0 for rate in likely], color=picture.BLUE, label="to be expected"
        )
    if study.measured:
        points = [point for point in study.measured if point[0] <= ttls[-1]]
        axes.plot(*zip(*points, strict=True), "o", color=picture.INK, label="measured")
    axes.axhline(study.queries, color=picture.RED, linestyle="--", label="budget")
    picture.log_axis(axes)
    axes.set_ylabel("queries per second")
    axes.set_title("What a TTL costs", fontweight="normal")


def _delay(axes: Axes, study: PlanStudy) -> None:
    ttls = [line.ttl for line in study.curve]
    fixed, worst = ([getattr(line, name) for line in study.curve] for name in ("fixed", "worst"))
    axes.plot(ttls, fixed, "-.", color=picture.ORANGE, label="worst case with a fixed TTL")
    axes.plot(ttls, worst, color=picture.BLUE, label="worst case with dnsd")
    goal = f"objective: {format_duration(study.objective)}"
    axes.axhline(study.objective, color=picture.RED, linestyle="--", label=goal)
    picture.log_axis(axes)
    axes.set_ylabel("seconds until the last cache is right")
    axes.set_title("What a TTL buys", fontweight="normal")


def _fitting(axes: Axes, study: PlanStudy) -> None:
    least, most = study.smallest, study.largest
    if least is not None and most is not None and least <= most:
        end = max(most, least + 1)
        axes.axvspan(least, end, color=picture.GREEN, alpha=0.18, linewidth=0, label="fits both")
