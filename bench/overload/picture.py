"""The picture of ``bench overload``: of what was asked, how much each server answered."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.overload.study import GOAL
from bench.study import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.overload.study import Overload


def draw(found: Overload) -> Figure:
    """Return the picture."""
    drawn = picture.figure(8, 3.5)
    axes = drawn.subplots()
    names = list(dict.fromkeys(row.server for row in found.rows))
    by_name = [[row for row in found.rows if row.server == name] for name in names]
    for shift, (label, colour, values) in enumerate(
        (
            ("asked", picture.GREY, [[row.asked for row in rows] for rows in by_name]),
            ("answered", picture.SKY, [[row.answered for row in rows] for rows in by_name]),
        )
    ):
        places = [at + 0.4 * shift - 0.2 for at in range(len(names))]
        axes.bar(places, [*map(statistics.median, values)], 0.4, label=label, color=colour)
    axes.axhline(GOAL, color=picture.INK, linewidth=1, linestyle=":", label=f"{GOAL:.0%}")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("share of the capacity")
    axes.legend(loc="best")
    return drawn
