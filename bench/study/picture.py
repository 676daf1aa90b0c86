"""Pictures by matplotlib that are the same bytes for the same results, and readable by all.

The only module of ``bench.study`` that imports matplotlib: the extra ``bench`` installs it.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, INK, GREY = "#CC79A7", "#56B4E9", "#222222", "#8A8A8A"
RULE = "#DDDDDD"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, INK)
"""Okabe and Ito's palette, which the colour-blind tell apart; RED is for losses and limits."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""A shape for each colour: no picture tells things apart by colour alone."""

STYLE: Any = {
    "svg.hashsalt": "dnsd",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "figure.dpi": 100,
}
_DARK = {
    "#ffffff": "#0d1117",
    INK: "#e6edf3",
    GREY: "#9198a1",
    RULE: "#30363d",
    BLUE: "#4aa3e0",
    GREEN: "#2bc49a",
    RED: "#ff8c42",
}
"""What a colour is on dark paper, where it would be too dark or too light."""
_COMPACT = (
    (re.compile(r"(\.\d\d)\d+"), r"\1"),
    (re.compile(r'<g id="(?!clip)[^"]*">'), "<g>"),
    (re.compile(r"; stroke-linejoin: miter"), ""),
    (re.compile(r' transform="rotate\(-0 [^"]*"'), ""),
    (re.compile(r"\s*\n\s*"), "\n"),
    (re.compile(r"(?<=[\d.])\n(?=[LMCQz])"), " "),
)
"""What is replaced in an SVG, by what: see :func:`compact`."""

CROWDED = 5e3
"""Between the ends of an axis with as large a quotient there is no room for 2 and 5."""

mpl.use("Agg")
mpl.rcParams.update(STYLE)


def figure(width: float = 10.0, height: float = 6.0) -> Figure:
    """Return an empty figure of so many inches, whose parts keep clear of each other."""
    return Figure(figsize=(width, height), layout="constrained")


def ttl_axis(axes: Axes, ttls: list[float], label: str = "TTL, s") -> None:
    """Make the x axis one of TTLs: logarithmic from 1 on, with 0 beside it, a tick for each."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    shown = sorted(set(ttls))
    axes.set_xticks(shown, [f"{ttl:g}" for ttl in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlim(-0.15, max([*shown, 1]) * 1.4)
    axes.set_xlabel(label)


def seconds_axis(axes: Axes, longest: float) -> None:
    """Make the x axis one of durations up to ``longest``: from 0, logarithmic above 1 s."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.6)
    axes.set_xlim(0, max(2.0, longest) * 1.3)
    shown = [tick for tick in (0, 1, 10, 100, 1000) if tick <= longest * 1.3]
    axes.set_xticks(shown, [str(tick) for tick in shown], fontsize=8.5)
    axes.set_xticks([], minor=True)


def log_axis(axes: Axes, which: str = "y") -> None:
    """Make an axis logarithmic, with plain numbers at the powers of ten.

    Where there is room, 2 and 5 of each stand there, too.
    """
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")

    def between(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        has_room = high <= CROWDED * low and f"{value:e}"[0] in "25"
        return f"{value:,g}" if has_room else ""

    axis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.set_minor_formatter(between)


def beside(axes: Axes) -> None:
    """Put the legend at the right of the axes, where it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def save(drawn: Figure, svg: Path, png: Path, warning: str = "") -> None:
    """Write ``drawn`` in both formats, without the date, so that nothing changes but the data.

    A ``warning`` stands below it.
    """
    if warning:
        drawn.supxlabel(warning, color=RED, fontsize=9)
    buffer = StringIO()
    drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg.write_text(compact(buffer.getvalue()), encoding="utf-8")
    drawn.savefig(png, format="png", metadata={"Software": None})


def compact(svg: str) -> str:
    """Return a picture of matplotlib's in fewer octets: it is kept in the repository.

    A hundredth of a pixel is fine enough; nothing refers to the names of groups.
    """
    for pattern, better in _COMPACT:
        svg = pattern.sub(better, svg)
    return svg.replace("<defs>", f"<style>{_dark()}</style>\n<defs>", 1)


def _dark() -> str:
    """Return the style sheet of a reader who prefers dark pages: light ink on dark paper."""
    rules = [
        f'[style*="{what}: {light}" i]{{{what}:{dark} !important}}'
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    ]
    return f"@media (prefers-color-scheme: dark){{{''.join(rules)}text{{fill:#e6edf3}}}}"
