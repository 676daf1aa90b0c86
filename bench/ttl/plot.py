"""The picture of ``bench ttl``: small multiples, one for each resolver, and whom outages reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.study import picture
from bench.ttl.results import PLAIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.ttl.results import Cell, Loss, TtlStudy

COLUMNS = 4
WIDTH, ROW, BELOW = 10.0, 2.3, 3.4


def draw(study: TtlStudy) -> Figure:
    """Return the picture: what each kind asks, and below what outages cost users, by TTL."""
    kinds = _kinds(study)
    rows = -(-len(kinds) // COLUMNS)
    heights = [ROW] * rows + ([BELOW] if study.losses else [])
    drawn = picture.figure(WIDTH, sum(heights) + 0.6)
    grid = drawn.add_gridspec(len(heights), COLUMNS, height_ratios=heights)
    shared: Axes | None = None
    for index, (kind, cells) in enumerate(kinds.items()):
        row, column = divmod(index, COLUMNS)
        axes = drawn.add_subplot(grid[row, column], sharex=shared, sharey=shared)
        _multiple(axes, kind, cells, edge=not column)
        shared = shared or axes
    if shared is not None:
        drawn.legend(*shared.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    if study.losses:
        _losses(drawn.add_subplot(grid[rows, :]), study)
    return drawn


def _kinds(study: TtlStudy) -> dict[str, list[Cell]]:
    """Return the cells of each panel: real kinds, then the simulated caches that are plain."""
    found: dict[str, list[Cell]] = {}
    for cell in (*study.of("real"), *(c for c in study.of("simulated") if c.first.kind == PLAIN)):
        name = cell.first.kind if cell.first.part == "real" else "simulated"
        found.setdefault(name, []).append(cell)
    return found


def _multiple(axes: Axes, kind: str, cells: list[Cell], *, edge: bool) -> None:
    ttls = [float(cell.first.ttl) for cell in cells]
    axes.plot(ttls, [cell.model for cell in cells], color=picture.GREY, label="model Σ λ/(1+λT)")
    real = [cell for cell in cells if cell.first.part == "real"]
    scale = [cell.rate / max(1, cell.sum("asks")) for cell in cells]
    if real:
        documented = [
            cell.sum("documented") * each for cell, each in zip(cells, scale, strict=True)
        ]
        axes.plot(
            ttls,
            documented,
            "_",
            color=picture.ORANGE,
            markersize=11,
            markeredgewidth=2,
            label="as documented",
        )
    axes.errorbar(
        ttls,
        [cell.rate for cell in cells],
        [cell.half for cell in cells],
        fmt="o",
        color=picture.BLUE,
        markersize=4,
        capsize=3,
        elinewidth=1,
        label="measured, 95 %",
    )
    picture.ttl_axis(axes, ttls, "TTL, s")
    shown = [ttl for ttl in (0, 5, 60, 900, 86_400) if ttl <= max(ttls)]
    axes.set_xticks(shown, [f"{ttl:g}" for ttl in shown])
    axes.set_ylim(bottom=0)
    axes.set_title(kind)
    if edge:
        axes.set_ylabel("queries per second")


def _losses(axes: Axes, study: TtlStudy) -> None:
    colours = (picture.BLUE, picture.GREEN, picture.RED)
    for colour, marker, loss in zip(colours, picture.MARKERS, study.losses, strict=False):
        label = f"outage of {_span(loss)}: model"
        axes.plot(loss.ttls, _percent(loss.model), color=colour, label=label)
        axes.plot(
            loss.ttls,
            _percent(loss.simulated),
            marker,
            color=colour,
            fillstyle="none",
            label="_simulated",
        )
    axes.plot([], [], "o", color=picture.GREY, fillstyle="none", label="the same, simulated")
    real = [cell for cell in study.of("real") if cell.failed is not None and cell.first.ttl]
    if real:
        ttls = sorted({cell.first.ttl for cell in real})
        plain = [max(c.first.outage_model for c in real if c.first.ttl == ttl) for ttl in ttls]
        label = f"outage of {real[0].first.outage:g} s: model"
        axes.plot(ttls, _percent(plain), "--", color=picture.GREY, label=label)
    for index, kind in enumerate(dict.fromkeys(cell.first.kind for cell in real)):
        cells = [cell for cell in real if cell.first.kind == kind]
        axes.plot(
            [cell.first.ttl for cell in cells],
            [100 * (cell.failed or 0.0) for cell in cells],
            ("1", "2", "3", "4", "+", "x", "|", "_")[index % 8],
            color=picture.INK,
            markersize=8,
            label=kind,
        )
    axes.set_xscale("log")
    axes.set_ylim(0, 103)
    ticks = [
        ttl for ttl in study.losses[0].ttls if ttl in (1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400)
    ]
    axes.set_xticks(ticks, [f"{ttl:g}" for ttl in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("TTL, s")
    axes.set_ylabel("lookups lost, %")
    axes.set_title("Whom an outage of the authoritative servers reaches")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)


def _span(loss: Loss) -> str:
    seconds = loss.outage
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"


def _percent(values: list[float]) -> list[float]:
    return [value * 100 for value in values]
