"""The picture of a failover study: who failed when, and what the name servers answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.failover.settings import WWW
from bench.study.picture import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.failover.results import Cell, FailoverStudy

SHOWN_S = 90.0
"""How much of a death is shown: what lasts longer is said in words."""
LANE = 0.8
WIRE = ("script", "gdnsd", "dnsd")
LINES = (("#000000", "-"), (BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))


def draw(study: FailoverStudy) -> Figure:
    """Return lanes of failures for each story of which there are cells, and TTLs below."""
    stories = [
        (title, [cell for cell in study.cells if cell.story in names])
        for title, names in (
            ("The service is killed at 0 s", ("kill",)),
            ("The site is cut off at 0 s", ("site",)),
        )
    ]
    shown = [(title, cells) for title, cells in stories if cells] or [("", study.cells)]
    watched = _watched(study.cells)
    lanes = max(len(cells) for _, cells in shown)
    heights = [0.42 * lanes + 0.8, *([3.2] if watched else [])]
    drawn = figure(6.4 * max(len(shown), 1 + bool(watched)) / 1.2 + 1, sum(heights) + 0.6)
    grid = drawn.add_gridspec(len(heights), 2, height_ratios=heights)
    for number, (title, cells) in enumerate(shown):
        place = grid[0, number] if len(shown) > 1 else grid[0, :]
        _failures(drawn.add_subplot(place), title, cells)
    if watched:
        _ttls(drawn.add_subplot(grid[1, :]), watched)
    return drawn


def _failures(axes: Axes, title: str, cells: Sequence[Cell]) -> None:
    """Draw a lane for each cell: the share of users that failed in each second."""
    axes.set_title(title)
    for lane, cell in enumerate(cells):
        base = len(cells) - 1 - lane
        share = np.divide(cell.failed, np.maximum(cell.users, 1))
        edges = np.arange(cell.first, cell.first + len(share) + 1)
        axes.hlines(base, cell.first, min(cell.until, SHOWN_S), color=GREY, linewidth=0.8)
        axes.stairs(base + LANE * share, edges, baseline=base, fill=True, color=RED)
        _recovery(axes, cell, base)
        axes.text(
            SHOWN_S * 1.02, base + LANE / 2, _sentence(cell), va="center", fontsize=8.5, color=INK
        )
    axes.set_xlim(-3, SHOWN_S)
    axes.set_ylim(-0.15, len(cells) + 0.05)
    ticks = [len(cells) - 1 - lane + LANE / 2 for lane in range(len(cells))]
    axes.set_yticks(ticks, [_label(cell) for cell in cells])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("s;  red: the share of users that fail;  ▲ it is well again")


def _recovery(axes: Axes, cell: Cell, base: float) -> None:
    at = cell.steps[-1][0]
    if at < SHOWN_S:
        axes.plot([at], [base], marker="^", color=GREEN, markersize=6, clip_on=False, zorder=5)


def _label(cell: Cell) -> str:
    return cell.title.replace(", TTL", ",\nTTL") if len(cell.title) > 30 else cell.title


def _sentence(cell: Cell) -> str:
    if not cell.lost:
        return "no failure"
    return f"{cell.mean_s:.1f} s lost, last at {cell.last_s:.1f} s"


def _watched(cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.story == "kill" and cell.spans and cell.ttl <= SHOWN_S]


def _ttls(axes: Axes, cells: Sequence[Cell]) -> None:
    """Draw the TTL that each server gave, and with a bar below when it answered the dead one."""
    axes.set_title("TTL on the wire")
    for cell, (colour, style) in zip(cells, LINES * 3, strict=False):
        spans = [span for span in cell.spans if span.name == WWW and span.rcode == "NOERROR"]
        edges = [*(span.start for span in spans), spans[-1].end]
        axes.stairs(
            [span.ttl for span in spans],
            edges,
            baseline=None,
            color=colour,
            linestyle=style,
            label=cell.title,
            linewidth=1.8,
        )
    axes.set_xlim(-3, max(cell.until for cell in cells))
    axes.set_ylim(0)
    axes.set_ylabel("TTL, s")
    axes.set_xlabel("s after the death")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
