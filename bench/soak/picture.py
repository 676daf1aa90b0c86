"""The picture of ``bench soak``: what was lost above, what the processes held below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.soak.study import MIB, lives
from bench.study import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.soak.study import Soak


def draw(soak: Soak) -> Figure:
    """Return the picture."""
    drawn = picture.figure(10, 7)
    lost, held = drawn.subplots(2, 1)
    names = list(soak.words)
    for shift, (label, colour) in enumerate(
        (("lost, with a reason", picture.SKY), ("unexplained or wrong", picture.RED))
    ):
        heights = [0] * len(names)
        for spell in soak.spells:
            bad = spell.unexplained + spell.wrong
            heights[names.index(spell.trouble)] += bad if shift else spell.lost - spell.unexplained
        lost.bar([at + 0.4 * shift - 0.2 for at in range(len(names))], heights, 0.4, label=label)
        for bar in lost.containers[-1]:
            bar.set_color(colour)
    lost.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names], fontsize=8)
    lost.set_ylabel("queries")
    lost.set_title("What was lost, by trouble", fontweight="normal")
    lost.legend(loc="best")
    for index, life in enumerate(lives(soak.gauges)):
        held.plot(
            [gauge.round for gauge in life],
            [gauge.memory / MIB for gauge in life],
            color=picture.COLOURS[index % len(picture.COLOURS)],
            marker=picture.MARKERS[index % len(picture.MARKERS)],
            label=f"{life[0].role} (pid {life[0].pid})",
        )
    held.set_xlabel("round")
    held.set_ylabel("MiB (PSS)")
    held.set_ylim(bottom=0)
    held.set_title("What the processes held at the end of each round", fontweight="normal")
    if held.lines:
        held.legend(loc="best")
    return drawn
