"""The picture of ``bench abuse``: how much each server amplifies, attack by attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.study import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.abuse.study import Abuse


def draw(study: Abuse) -> Figure:
    """Return the picture."""
    drawn = picture.figure(10, 4)
    axes = drawn.subplots()
    attacks = [name for name in study.words if _factors(study, name)]
    servers = list(dict.fromkeys(cell.server for cell in study.cells))
    width = 0.8 / max(1, len(servers))
    for index, server in enumerate(servers):
        heights = [_factors(study, attack).get(server, 0.0) for attack in attacks]
        places = [at + width * (index - (len(servers) - 1) / 2) for at in range(len(attacks))]
        colour = picture.COLOURS[index % len(picture.COLOURS)]
        axes.bar(places, heights, width, label=server, color=colour)
    axes.set_xticks(range(len(attacks)), attacks)
    axes.set_ylabel("octets out for each octet in")
    if servers:
        axes.legend(loc="best")
    return drawn


def _factors(study: Abuse, attack: str) -> dict[str, float]:
    return {
        cell.server: cell.factor
        for cell in study.cells
        if cell.attack == attack and cell.factor is not None
    }
