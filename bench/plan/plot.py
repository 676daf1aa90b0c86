"""The picture of ``bench plan``: cost above, recovery below, on one axis of TTLs."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import NullLocator

from bench.study import picture
from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.plan.results import Line, PlanStudy

TICKS = (1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
TIMES = (5, 15, 60, 300, 900, 3600, 14_400, 86_400)
MARKED = 3
"""TTLs of today that are marked at most."""
_PAPER: Any = {"frameon": True, "facecolor": "#ffffff", "edgecolor": "none", "framealpha": 0.75}
"""What text stands on where lines may pass."""
_WIDE, _LONG = 88, 125
"""Characters in a line: of the title, of what is below."""
_LEAST = 1e-6
"""What is less than this is nothing, on a logarithmic axis."""


def draw(study: PlanStudy) -> Figure:
    """Return the picture: 1,000 px wide, readable at that width."""
    drawn = picture.figure(10, 9)
    drawn.suptitle(fill(study.sentence, _WIDE), fontsize=12, fontweight="bold", x=0.01, ha="left")
    cost, delay = drawn.subplots(2, 1, sharex=True, height_ratios=(1, 1.1))
    _cost(cost, study)
    _delay(delay, study)
    for axes in (cost, delay):
        _marks(axes, study)
        _best(axes, study, picks=(_mean, _peak) if axes is cost else (_worst,))
        picture.log_axis(axes)
        axes.set_xscale("log")
        axes.set_xlim(1, TICKS[-1])
    _top(cost, study)
    delay.set_xticks(TICKS, [format_duration(float(ttl)) for ttl in TICKS])
    delay.xaxis.set_minor_locator(NullLocator())
    delay.set_xlabel(fill(f"TTL of {study.about_names}. {_source(study)}", _LONG))
    delay.set_yticks(TIMES, [format_duration(float(time)) for time in TIMES])
    delay.yaxis.set_minor_locator(NullLocator())
    cost.legend(loc="lower left", **_PAPER)
    delay.legend(loc="upper left", ncols=3, columnspacing=1.2, **_PAPER)
    return drawn


def _source(study: PlanStudy) -> str:
    """Return where the demand is known from, as short as it can be said."""
    return f"Demand: {study.source.partition('; ')[0]}"


def _ttls(lines: list[Line]) -> list[int]:
    return [line.ttl for line in lines]


def _cost(axes: Axes, study: PlanStudy) -> None:
    """Draw queries per second: the mean with its band, the peak, dots, the budget."""
    banded = [line for line in study.curve if line.most is not None]
    if any(line.least != line.most for line in banded):
        axes.fill_between(
            _ttls(banded),
            [max(line.least, _LEAST) for line in banded],
            [line.most or 0.0 for line in banded],
            color=picture.SKY,
            alpha=0.35,
            linewidth=0,
            label="95 % band of the mean",
        )
    for name, pick, style, colour in (
        ("mean of the day", _mean, "-", picture.BLUE),
        ("busiest hour", _peak, "--", picture.PURPLE),
    ):
        known = [(line.ttl, rate) for line in study.curve if (rate := pick(line))]
        if known:
            axes.plot(*zip(*known, strict=True), style, color=colour, label=name)
    _dots(axes, study)
    if study.queries is not None:
        label = f"budget, {study.queries:g} queries/s"
        axes.axhline(study.queries, color=picture.RED, linestyle=(0, (6, 2)), label=label)
    axes.set_ylabel("queries per second at the server")


def _mean(line: Line) -> float | None:
    return line.likely


def _peak(line: Line) -> float | None:
    return line.peak_likely


def _worst(line: Line) -> float | None:
    return line.dnsd_worst


def _dots(axes: Axes, study: PlanStudy) -> None:
    shapes = picture.MARKERS
    for index, kind in enumerate(dict.fromkeys(dot.kind for dot in study.dots)):
        dots = [dot for dot in study.dots if dot.kind == kind and dot.ttl >= 1]
        axes.errorbar(
            [dot.ttl for dot in dots],
            [dot.rate for dot in dots],
            [[dot.rate - dot.low for dot in dots], [dot.high - dot.rate for dot in dots]],
            fmt=shapes[index % len(shapes)],
            color=picture.INK,
            fillstyle="none",
            elinewidth=0.9,
            capsize=2,
            label=kind,
        )
    seen = [point for point in study.measured if 1 <= point[0] <= TICKS[-1]]
    if seen and not study.dots:
        label = "as it was seen" if len(seen) == 1 else "simulated caches"
        axes.plot(*zip(*seen, strict=True), "o", color=picture.INK, fillstyle="none", label=label)


def _delay(axes: Axes, study: PlanStudy) -> None:
    """Draw when users are back, with a fixed TTL and with dnsd's; floors; the objective."""
    ttls = _ttls(study.curve)
    for kind, colour, words in (
        ("fixed", picture.ORANGE, "TTL fixed"),
        ("dnsd", picture.BLUE, "dnsd"),
    ):
        for what, style, width, told in (
            ("worst", "-", 2.0, "last"),
            ("p95", "--", 1.4, "95 %"),
            ("median", ":", 1.6, "half"),
        ):
            values = [getattr(line, f"{kind}_{what}") for line in study.curve]
            axes.plot(
                ttls, values, style, color=colour, linewidth=width, label=f"{words}: {told} back"
            )
    floor = format_duration(study.floor.seconds)
    label = f"last, where {study.floor.share:.1%} of resolvers\nhold nothing for less than {floor}"
    floored = [line.dnsd_floored for line in study.curve]
    axes.plot(ttls, floored, color=picture.GREEN, linestyle="-.", linewidth=1.4, label=label)
    if study.objective is not None:
        goal = f"objective, {format_duration(study.objective)}"
        axes.axhline(study.objective, color=picture.RED, linestyle=(0, (6, 2)), label=goal)
    axes.set_ylabel("time until users are back")


def _marks(axes: Axes, study: PlanStudy) -> None:
    """Draw the band that fits, and today's TTL."""
    if fits := _fitting(study):
        axes.axvspan(*fits, color=picture.GREEN, alpha=0.16, linewidth=0)
    for today in _todays(study):
        axes.axvline(today, color=picture.GREY, linewidth=1.2)


def _best(axes: Axes, study: PlanStudy, picks: tuple[Callable[[Line], float | None], ...]) -> None:
    """Mark the TTL of the sentence on the lines that ``picks`` are."""
    line = next((line for line in study.curve if line.ttl == study.best), None)
    for value in () if line is None else (pick(line) for pick in picks):
        if value is not None:
            axes.plot(study.best, value, "o", color=picture.INK, markersize=6, zorder=5)
            words = f"{value:.3g}" + (" s" if picks == (_worst,) else "")
            axes.annotate(
                words,
                (study.best, value),
                xytext=(7, -14) if picks == (_worst,) else (7, 5),
                textcoords="offset points",
                color=picture.INK,
                weight="bold",
                bbox={"facecolor": "#ffffff", "edgecolor": "none", "alpha": 0.75, "pad": 1},
            )


def _top(axes: Axes, study: PlanStudy) -> None:
    """Name the band and today's TTL at the upper edge."""
    at = axes.get_xaxis_transform()
    if fits := _fitting(study):
        middle = (fits[0] * fits[1]) ** 0.5
        told = "fits at peak"
        axes.text(middle, 1.02, told, transform=at, ha="center", color=picture.GREEN, weight="bold")
    for today in _todays(study):
        told = f"today {format_duration(today)}"
        axes.text(today, 1.02, told, transform=at, ha="left", color=picture.INK)


def _todays(study: PlanStudy) -> list[float]:
    """Return the TTLs of today that can be marked; of many, none says anything."""
    found = [ttl for ttl in study.today if 1 <= ttl <= TICKS[-1]]
    return found if len(found) <= MARKED else []


def _fitting(study: PlanStudy) -> tuple[float, float] | None:
    """Return the ends of the TTLs that keep what is to be kept; None if there is no limit."""
    if study.queries is None and study.objective is None:
        return None
    least = study.smallest
    most = TICKS[-1] if study.objective is None else study.largest
    if least is None or most is None or least > most:
        return None
    return max(1.0, least), max(most, least + 1.0)
