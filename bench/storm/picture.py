"""The storms as a picture of three panels: load of real and of simulated caches, and their users.

Load is told in multiples of the normal one, on one scale for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.storm.study import FAILURES, Side, sides, times_normal
from bench.study.picture import COLOURS, GREY, INK, figure, log_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.storm.study import Storm, Storms

WIDTH, HEIGHT = 10.0, 9.0
LEAST = 0.1
"""Of the normal load: less is nothing."""
STYLES = ("-", "--", ":", "-.")
"""By how the server fails; the last one for caches that are emptied."""


def draw(study: Storms) -> Figure:
    """Draw the first repeat of each storm."""
    storms = [storm for storm in study.storms if storm.repeat == 1]
    drawn = figure(WIDTH, HEIGHT)
    real, simulated, users = drawn.subplots(3, 1, sharex=True)
    simulated.sharey(real)
    colours = _colours(storms)
    for axes, side in ((real, Side.REAL), (simulated, Side.SIMULATED)):
        for storm in storms:
            _load(axes, storm, side, colours[storm.ttl])
        log_axis(axes)
        axes.axhline(1, color=GREY, linewidth=1)
        axes.set_ylabel("× normal load")
        axes.set_title(f"Queries at the server: {side}")
    # How else it failed changes little for users, and would hide how much the TTL does.
    for storm in storms:
        if storm.failure == next(iter(FAILURES)) and not storm.cold:
            _users(users, storm, colours[storm.ttl])
    users.set_ylim(-2, 103)
    users.set_ylabel("failed, %")
    users.set_title("Lookups of users that failed")
    users.set_xlabel("seconds since the failure")
    for axes in (real, simulated, users):
        _shade(axes, storms)
    real.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    users.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _colours(storms: Sequence[Storm]) -> dict[int, str]:
    ttls = sorted({storm.ttl for storm in storms})
    return {ttl: COLOURS[index % len(COLOURS)] for index, ttl in enumerate(ttls)}


def _load(axes: Axes, storm: Storm, side: Side, colour: str) -> None:
    groups = sides(storm)[side]
    if groups:
        values = [max(LEAST, value) for value in times_normal(storm, groups)]
        style = STYLES[-1] if storm.cold else STYLES[list(FAILURES).index(storm.failure)]
        axes.plot(_seconds(storm), values, style, color=colour, label=storm.label)


def _users(axes: Axes, storm: Storm, colour: str) -> None:
    for side, style in ((Side.REAL, "-"), (Side.SIMULATED, "--")):
        groups = sides(storm)[side]
        pairs = zip(
            *(
                zip(*(getattr(g, what) for g in groups), strict=True)
                for what in ("failed", "answered")
            ),
            strict=True,
        )
        share = [
            100 * sum(bad) / total if (total := sum(bad) + sum(good)) else float("nan")
            for bad, good in pairs
        ]
        if groups:
            label = f"TTL {storm.ttl} s, {side}"
            axes.plot(_seconds(storm), share, style, color=colour, label=label)


def _seconds(storm: Storm) -> Sequence[int]:
    return range(-storm.before, storm.outage + storm.after)


def _shade(axes: Axes, storms: Sequence[Storm]) -> None:
    """Mark the outage."""
    outage = max(storm.outage for storm in storms)
    axes.axvspan(0, outage, color=GREY, alpha=0.15, linewidth=0)
    for second in (0, outage):
        axes.axvline(second, color=INK, linewidth=1, linestyle=":")
    axes.set_xlim(-max(storm.before for storm in storms), max(s.outage + s.after for s in storms))
