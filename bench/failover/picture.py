"""The picture of a failover study: how long users felt each story, and the TTLs on the wire."""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING

from bench.failover.settings import WWW
from bench.failover.tables import COMING_BACK, JUDGED, moved
from bench.study.picture import BLUE, GREEN, GREY, INK, PURPLE, RED, figure, seconds_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bench.failover.results import Cell, FailoverStudy

LANE, HEAD, BELOW = 0.28, 1.5, 2.8
"""Inches of a lane, of what stands around the lanes, and of the TTLs."""
LINES = ((RED, "-"), (BLUE, "-"), (GREEN, "--"), (PURPLE, "-."))
STORIES = {
    "kill": "it is killed",
    "hang": "it hangs",
    "flap": "it flaps",
    "planned": "maintenance",
    "front": "the front dies",
    "site": "site cut off",
}
WIRE = {"kill": "TTL on the wire when the service is killed", "flap": "… and when it flaps"}
UNFELT = 0.05
"""What is drawn for less, s: the axis of seconds is linear below 1."""


def draw(study: FailoverStudy) -> Figure:
    """Return a lane for each way, a panel for each story, and the TTLs of those that change it."""
    watched = [cell for cell in study.cells if cell.stack.startswith(JUDGED) and cell.spans]
    below = [(title, _told(watched, name)) for name, title in WIRE.items()]
    below = [(title, cells) for title, cells in below if cells]
    lanes = list(dict.fromkeys(cell.title for cell in study.cells))
    heights = [LANE * len(lanes) + HEAD, *([BELOW] if below else [])]
    drawn = figure(10.0, sum(heights))
    rows = drawn.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _felt(rows[0], study, lanes)
    if below:
        for axes, (title, cells) in zip(_axes(rows[1], len(below)), below, strict=True):
            _ttls(axes, title, cells)
    return drawn


def _told(cells: Sequence[Cell], story: str) -> list[Cell]:
    """Return the cells of a story, in the first repeat."""
    return [cell for cell in cells if cell.story == story and cell.repeat == 1]


def _axes(row: SubFigure, count: int) -> list[Axes]:
    return [row.add_subplot(1, count, number + 1) for number in range(count)]


def _felt(row: SubFigure, study: FailoverStudy, lanes: Sequence[str]) -> None:
    """Draw for how long users were without the service, and at last what caches ask."""
    shown = {cell.story for cell in study.cells}
    stories = [story for story in STORIES if story in shown]
    row.suptitle("For how long users are without the service", x=0.01, ha="left", weight="bold")
    widths = [*([1.0] * len(stories)), 0.55]
    panels = row.subplots(1, len(widths), sharey=True, width_ratios=widths)
    longest = max((cell.last_s for cell in study.cells), default=1.0)
    for axes, story in zip(panels, stories, strict=False):
        axes.set_title(STORIES[story], fontweight="normal", fontsize=9.5)
        for lane, title in enumerate(lanes):
            cells = [one for one in study.cells if (one.title, one.story) == (title, story)]
            if cells:
                _dot(axes, lane, cells)
        seconds_axis(axes, longest)
        axes.tick_params(axis="y", length=0)
    _queries(panels[-1], study, lanes)
    panels[0].set_yticks(range(len(lanes)), lanes)
    panels[0].set_ylim(len(lanes) - 0.4, -0.6)
    panels[0].set_xlabel("seconds", loc="left")
    _legend(row)


def _dot(axes: Axes, lane: int, cells: Sequence[Cell]) -> None:
    """Draw the mean over the repeats, their range, and how long the last user felt it."""
    means = [max(UNFELT, cell.mean_s) for cell in cells]
    last = max(cell.last_s for cell in cells)
    is_moved = all(not cell.lost or cell.story == "flap" or moved(cell) for cell in cells)
    axes.hlines(lane, UNFELT, max(last, UNFELT), color=GREY, linewidth=1.2)
    if last:
        axes.plot([last], [lane], "|", color=GREY, markersize=7)
    axes.hlines(lane, min(means), max(means), color=BLUE, linewidth=4, alpha=0.4)
    face = BLUE if is_moved else "none"
    axes.plot(
        [statistics.fmean(means)], [lane], "o", color=BLUE, markerfacecolor=face, clip_on=False
    )


def _queries(axes: Axes, study: FailoverStudy, lanes: Sequence[str]) -> None:
    """Write what a cache asks in an hour."""
    ttls = {cell.title: cell.ttl for cell in study.cells}
    axes.set_title("queries/h\nof a cache", fontweight="normal", fontsize=9.5)
    for lane, title in enumerate(lanes):
        words = f"{3600 / ttls[title]:,.0f}" if ttls[title] else "–"
        axes.text(1, lane, words, ha="right", va="center", fontsize=9)
    axes.set_xlim(0, 1)
    axes.axis("off")


def _legend(row: SubFigure) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=BLUE, marker="o", linestyle="none", label="an average user"),
        Line2D([], [], color=BLUE, linewidth=4, alpha=0.4, label="range of the repeats"),
        Line2D([], [], color=GREY, marker="|", label="until the last user"),
        Line2D(
            [],
            [],
            color=BLUE,
            marker="o",
            markerfacecolor="none",
            linestyle="none",
            label="users were not moved: it ended when it was back",
        ),
    ]
    row.legend(handles=marks, loc="outside lower center", ncols=4, labelcolor=INK)


def _ttls(axes: Axes, title: str, cells: Sequence[Cell]) -> None:
    """Draw the TTL that each server gave; a dot where it began to give other addresses."""
    axes.set_title(title)
    for cell, (colour, style) in zip(cells, LINES, strict=False):
        spans = [span for span in cell.spans if span.name == WWW and span.rcode == "NOERROR"]
        edges = [*(span.start for span in spans), spans[-1].end]
        axes.stairs(
            [span.ttl for span in spans],
            edges,
            baseline=None,
            color=colour,
            linestyle=style,
            label=cell.title,
        )
        flips = [b for a, b in itertools.pairwise(spans) if a.addresses != b.addresses]
        axes.plot(
            [span.start for span in flips],
            [span.ttl for span in flips],
            linestyle="none",
            marker="o",
            color=colour,
        )
        for at, what in cell.steps:
            if what in COMING_BACK:
                ttl = next(span.ttl for span in reversed(spans) if span.start <= at)
                axes.plot([at], [ttl], marker="^", color=colour, markersize=7)
    axes.set_xlim(max(cell.first for cell in cells), max(cell.until for cell in cells))
    highest = max(span.ttl for cell in cells for span in cell.spans)
    axes.set_ylim(0, highest * 1.35)
    axes.set_ylabel("TTL, s")
    axes.set_xlabel("s after the death · ▲: it is back · ●: other addresses", loc="left")
    axes.legend(loc="upper right", ncols=2)
