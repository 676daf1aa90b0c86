"""The check as a picture: how many answers took how long, when, at which rate; TTLs over time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from bench.dig.study import Check, Sample, Step, watched
from bench.dig.ways import KEPT, LABELS, NEW, UDP, WITHOUT
from bench.study.picture import COLOURS, GREY, INK, MARKERS, RED, beside, figure, log_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = {
    UDP: (COLOURS[0], "-"),
    NEW: (COLOURS[1], "-"),
    WITHOUT: (COLOURS[1], "--"),
    KEPT: (COLOURS[2], "-"),
}


def draw(check: Check) -> Figure:
    """Draw only what was measured."""
    panels = [_tail, _timeline] if check.times else []
    panels += [_ramp] if check.steps else []
    panels += [_sawtooth] if check.samples else []
    drawn = figure(10, 0.4 + 3.0 * max(1, len(panels)))
    for axes, panel in zip(
        drawn.subplots(max(1, len(panels)), squeeze=False)[:, 0], panels, strict=False
    ):
        panel(check, axes)
    return drawn


def _tail(check: Check, axes: Axes) -> None:
    """Draw the share of queries that took longer, a line for each repeat."""
    for way, (colour, style) in STYLES.items():
        label: str | None = LABELS.get(way, way)
        for repeat in sorted({tail.repeat for tail in check.tails if tail.way == way}):
            rows = [tail for tail in check.tails if (tail.way, tail.repeat) == (way, repeat)]
            shares = [100 * tail.share or float("nan") for tail in rows]
            axes.step(
                [tail.ms for tail in rows],
                shares,
                where="post",
                color=colour,
                linestyle=style,
                linewidth=1.6 if repeat == 1 else 0.7,
                label=label,
            )
            label = None
    log_axis(axes, "x")
    log_axis(axes)
    axes.set_ylim(top=120)
    axes.set_xlabel("ms since the query was due")
    axes.set_ylabel("queries that took longer, %")
    axes.set_title(f"How long answers of {check.server} took")
    beside(axes)


def _timeline(check: Check, axes: Axes) -> None:
    """Draw the first repeat over time: the middle, the worst, and what was lost."""
    first = [moment for moment in check.moments if moment.repeat == 1]
    for way, (colour, _) in STYLES.items():
        rows = [moment for moment in first if moment.way == way]
        if not rows:
            continue
        times = [moment.at for moment in rows]
        middle = [float("nan") if each.p50 is None else each.p50 for each in rows]
        worst = [float("nan") if each.worst is None else each.worst for each in rows]
        axes.fill_between(times, middle, worst, color=colour, alpha=0.2, linewidth=0)
        axes.plot(times, middle, color=colour, label=f"{way}: median")
        axes.plot(times, worst, color=colour, linestyle=":", linewidth=1)
    axes.plot([], [], color=INK, linestyle=":", linewidth=1, label="the worst")
    lost = [moment for moment in first if moment.lost]
    if lost:
        place = axes.get_xaxis_transform()
        times = [moment.at for moment in lost]
        axes.plot(times, [0.97] * len(lost), "x", color=RED, transform=place, label="some lost")
    log_axis(axes)
    axes.set_xlabel("when queries were due, s")
    axes.set_ylabel("ms since due")
    axes.set_title("The same over time, each way in turn")
    beside(axes)


def _ramp(check: Check, axes: Axes) -> None:
    for way, (colour, _) in STYLES.items():
        steps = sorted((s for s in check.steps if s.way == way), key=lambda step: step.rate)
        first = [step for step in steps if step.repeat == 1]
        if first:
            axes.plot(*_line([(s.rate, s.p99) for s in first]), color=colour, label=way)
        _verdicts(steps, colour, check.limit_ms, axes)
    label = f"limit: {check.limit_ms:g} ms"
    axes.axhline(check.limit_ms, color=GREY, linestyle=":", label=label)
    axes.plot([], [], "o", color=INK, label="limits kept")
    axes.plot([], [], "x", color=INK, label="not kept, or lost")
    log_axis(axes, "x")
    log_axis(axes)
    axes.set_xlabel("queries a second")
    axes.set_ylabel("p99, ms")
    axes.set_title("The largest rate")
    beside(axes)


def _verdicts(steps: Sequence[Step], colour: str, limit: float, axes: Axes) -> None:
    """Mark each step, those of later repeats faintly."""
    for step in steps:
        height = limit if step.p99 is None else step.p99
        mark = "o" if step.verdict == "kept" else "x"
        axes.plot(step.rate, height, mark, color=colour, alpha=1 if step.repeat == 1 else 0.35)


def _sawtooth(check: Check, axes: Axes) -> None:
    for number, (key, samples) in enumerate(watched(check).items()):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        first = [sample for sample in samples if sample.repeat == 1]
        times, ttls = _line([(sample.at, sample.ttl) for sample in first])
        axes.plot(times, ttls, color=colour, marker=marker, markersize=3, label=key)
        if (origin := check.origins.get(key)) is not None:
            axes.axhline(origin, color=colour, linestyle=":", linewidth=1)
        _changes(first, axes)
        lost = [sample.at for sample in first if sample.ttl is None]
        if lost:
            axes.plot(lost, [0] * len(lost), "x", color=RED, label=f"{key}: no answer")
    if check.origins:
        axes.plot([], [], color=INK, linestyle=":", linewidth=1, label="in the zone")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("time, s")
    axes.set_ylabel("TTL in the answer, s")
    axes.set_title(f"TTLs that {check.server} answered")
    beside(axes)


def _line(points: Sequence[tuple[float, float | None]]) -> tuple[list[float], list[float]]:
    """Return both coordinates; what is missing breaks the line."""
    return [x for x, _ in points], [float("nan") if y is None else float(y) for _, y in points]


def _changes(samples: Sequence[Sample], axes: Axes) -> None:
    """Mark when the answered data has changed: a failover, or an edit of the zone."""
    answered = [sample for sample in samples if sample.ttl is not None]
    for before, after in itertools.pairwise(answered):
        if before.data != after.data:
            axes.axvline(after.at, color=INK, linewidth=0.8, linestyle="-.")
