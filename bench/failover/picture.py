"""The picture of a failover study: who failed when, and what the name servers answered."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from bench.failover.settings import WWW
from bench.failover.tables import COMING_BACK, JUDGED, moved
from bench.study.picture import BLUE, GREEN, GREY, PURPLE, RED, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bench.failover.results import Cell, FailoverStudy

SHOWN_S = 90.0
"""How much of a failure is shown: what lasts longer is said in words."""
WORDS = 0.5
"""How much room the words beside a lane take, in lengths of the time axis."""
LANE = 0.8
LINES = ((RED, "-"), (BLUE, "-"), (GREEN, "--"), (PURPLE, "-."))
FAILURES = {"kill": "The service is killed at 0 s", "site": "Its site is cut off at 0 s"}
WIRE = {"kill": "TTL on the wire when the service is killed", "flap": "… and when it flaps"}


def draw(study: FailoverStudy) -> Figure:
    """Return lanes of failures, and below them the TTLs that those servers gave that change it."""
    above = [(title, _told(study.cells, name)) for name, title in FAILURES.items()]
    watched = [cell for cell in study.cells if cell.stack.startswith(JUDGED) and cell.spans]
    below = [(title, _told(watched, name)) for name, title in WIRE.items()]
    above = [one for one in above if one[1]] or [("", list(study.cells))]
    below = [one for one in below if one[1]]
    lanes = max(len(cells) for _, cells in above)
    heights = [0.42 * lanes + 0.9, *([3.0] if below else [])]
    drawn = figure(13.0, sum(heights) + 0.3)
    rows = drawn.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (title, cells) in zip(_axes(rows[0], len(above)), above, strict=True):
        _failures(axes, title, cells)
    if below:
        for axes, (title, cells) in zip(_axes(rows[1], len(below)), below, strict=True):
            _ttls(axes, title, cells)
    return drawn


def _told(cells: Sequence[Cell], story: str) -> list[Cell]:
    return [cell for cell in cells if cell.story == story]


def _axes(row: SubFigure, count: int) -> list[Axes]:
    return [row.add_subplot(1, count, number + 1) for number in range(count)]


def _failures(axes: Axes, title: str, cells: Sequence[Cell]) -> None:
    """Draw a lane for each cell: the share of users that failed in each second."""
    axes.set_title(title)
    shown = min(SHOWN_S, max(cell.until for cell in cells))
    for lane, cell in enumerate(cells):
        base = len(cells) - 1 - lane
        end = int(min(cell.until, shown)) - cell.first
        share = np.divide(cell.failed[:end], np.maximum(cell.users[:end], 1))
        axes.hlines(base, cell.first, cell.first + end, color=GREY, linewidth=0.8)
        axes.stairs(
            base + LANE * share,
            np.arange(cell.first, cell.first + end + 1),
            baseline=base,
            fill=True,
            color=RED,
        )
        back = cell.steps[-1][0]
        if back < shown:
            axes.plot([back], [base], marker="^", color=GREEN, clip_on=False, zorder=5)
        axes.text(shown * 1.02, base + LANE / 2, _sentence(cell), va="center", fontsize=8.5)
    axes.set_xlim(min(cell.first for cell in cells), shown * (1 + WORDS))
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= shown])
    axes.set_ylim(-0.15, len(cells) + 0.05)
    ticks = [len(cells) - 1 - lane + LANE / 2 for lane in range(len(cells))]
    axes.set_yticks(ticks, [cell.title for cell in cells])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_bounds(min(cell.first for cell in cells), shown)
    axes.set_xlabel("s · red: share of users that fail · ▲: it is back", loc="left")


def _sentence(cell: Cell) -> str:
    if not cell.lost:
        return "no failure"
    end = f"last at {cell.last_s:.1f} s" if moved(cell) else "until it is back"
    return f"{cell.mean_s:.1f} s on average, {end}"


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
    axes.set_xlabel(
        "s after the death · ▲: it is back · ●: other addresses from here on", loc="left"
    )
    axes.legend(loc="upper right", ncols=2)
