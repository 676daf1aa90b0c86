"""The check as a picture: how long answers took, and the TTLs of watched names over time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter

from bench.dig.latency import edges
from bench.dig.study import Check, Sample, watched
from bench.study.picture import COLOURS, INK, MARKERS, RED, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(check: Check) -> Figure:
    """Draw latencies above, TTLs below; only what was measured."""
    lines = watched(check)
    panels = ([_latency] if check.answers else []) + ([_sawtooth] if lines else [])
    drawn = figure(11, 0.6 + 3.4 * max(1, len(panels)))
    for axes, panel in zip(drawn.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        panel(check, axes)
    return drawn


def _latency(check: Check, axes: Axes) -> None:
    bounds = [edge / 1000 for edge in edges()]
    used = [i for each in check.answers for i, count in enumerate(each.histogram) if count]
    for each, colour in zip(check.answers, COLOURS, strict=False):
        shares = [100 * count / max(1, each.answered) for count in each.histogram]
        label = f"{each.transport}: {each.answered:,} answers"
        axes.stairs(shares, bounds, fill=True, alpha=0.35, color=colour, label=label)
        axes.stairs(shares, bounds, color=colour, linewidth=1.2)
        for value, style, name in ((each.p50, "-", "p50"), (each.p99, "--", "p99")):
            if value is not None:
                text = f"{each.transport} {name}: {value / 1000:.2f} ms"
                axes.axvline(value / 1000, color=colour, linestyle=style, label=text)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if used:
        axes.set_xlim(bounds[max(0, min(used) - 2)], bounds[min(len(bounds) - 1, max(used) + 3)])
    axes.set_xlabel("time from query to answer, ms")
    axes.set_ylabel("answers, %")
    axes.set_title(f"How long answers of {check.server} took")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _sawtooth(check: Check, axes: Axes) -> None:
    for number, (key, samples) in enumerate(watched(check).items()):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        times, ttls = _line(samples)
        axes.plot(times, ttls, color=colour, marker=marker, markersize=3, label=key)
        if (origin := check.origins.get(key)) is not None:
            axes.axhline(origin, color=colour, linestyle=":", linewidth=1)
        _changes(samples, axes)
        lost = [sample.at for sample in samples if sample.ttl is None]
        if lost:
            axes.plot(lost, [0] * len(lost), "x", color=RED, label=f"{key}: no answer")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("time, s")
    axes.set_ylabel("TTL in the answer, s")
    axes.set_title(f"TTLs that {check.server} answered (dotted: the zone's)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _line(samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """Return times and TTLs; a missing answer breaks the line."""
    ttls = [float("nan") if sample.ttl is None else float(sample.ttl) for sample in samples]
    return [sample.at for sample in samples], ttls


def _changes(samples: Sequence[Sample], axes: Axes) -> None:
    """Mark when the answered data has changed: a failover, or an edit of the zone."""
    answered = [sample for sample in samples if sample.ttl is not None]
    for before, after in itertools.pairwise(answered):
        if before.data != after.data:
            axes.axvline(after.at, color=INK, linewidth=0.8, linestyle="-.")
