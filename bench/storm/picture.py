"""The storms as a picture: for each TTL, what arrived second by second, and whom it served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.study.picture import COLOURS, GREY, INK, RED, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.storm.study import Series, Storm, Storms

HATCHES = ("", "//", "..", "xx")
ROW = 2.3


def draw(study: Storms) -> Figure:
    """Draw a row for each storm: on the left the load at the server, on the right its users."""
    many = len(study.storms)
    drawn = figure(12, 1.1 + ROW * many)
    grid = drawn.subplots(many, 2, squeeze=False, sharex="row")
    for storm, (load, users) in zip(study.storms, grid, strict=True):
        _load(storm, load)
        _users(storm, users)
    for axes in grid[-1]:
        axes.set_xlabel("seconds since the failure")
    loads, users = (axes.get_legend_handles_labels() for axes in grid[0])
    drawn.legend(*loads, loc="outside lower left", ncols=len(loads[1]), columnspacing=1.2)
    drawn.legend(*users, loc="outside lower right", ncols=len(users[1]), columnspacing=1.2)
    return drawn


def _load(storm: Storm, axes: Axes) -> None:
    seconds = _seconds(storm)
    edges = [*seconds, seconds[-1] + 1]
    floor = [0] * len(seconds)
    for number, group in enumerate(storm.groups):
        top = [sum(each) for each in zip(floor, group.udp, group.tcp, strict=True)]
        axes.stairs(
            top,
            edges,
            baseline=floor,
            fill=True,
            facecolor=COLOURS[number],
            edgecolor="white",
            linewidth=0,
            hatch=HATCHES[number % len(HATCHES)],
            label=f"{group.group} ({group.caches})",
        )
        floor = top
    _shade(storm, axes)
    axes.set_title(f"{storm.label}: queries at the server")
    axes.set_ylabel("queries/s")
    axes.set_ylim(bottom=0)


def _users(storm: Storm, axes: Axes) -> None:
    for number, group in enumerate(storm.groups):
        axes.plot(
            _seconds(storm),
            _failing(group),
            label=group.group,
            color=COLOURS[number],
            linestyle=("-", "--", "-.", ":")[number % 4],
            drawstyle="steps-post",
        )
    _shade(storm, axes)
    axes.set_ylim(-2, 103)
    axes.set_title("their users' lookups that failed")
    axes.set_ylabel("failed, %")


def _failing(group: Series) -> list[float]:
    """Return the percentage of failed lookups in each second."""
    pairs = zip(group.failed, group.answered, strict=True)
    return [100 * bad / (bad + good) if bad + good else float("nan") for bad, good in pairs]


def _seconds(storm: Storm) -> Sequence[int]:
    return range(-storm.before, storm.outage + storm.after)


def _shade(storm: Storm, axes: Axes) -> None:
    """Mark the outage."""
    axes.axvspan(0, storm.outage, color=GREY, alpha=0.15, linewidth=0)
    for second in (0, storm.outage):
        axes.axvline(second, color=RED if second == 0 else INK, linewidth=1, linestyle=":")
    axes.set_xlim(-storm.before, storm.outage + storm.after)
