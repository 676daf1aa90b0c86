"""Medians, spreads and ratios of figures that were measured for each server in each round."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Series: TypeAlias = dict[tuple[str, int], float]
"""One figure: its values by server and round."""


class Spread(NamedTuple):
    """The median of some values and the range they were found in."""

    median: float
    low: float
    high: float

    @property
    def deviation(self) -> float:
        """Half the range as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def spread(values: Iterable[float]) -> Spread | None:
    """Summarise ``values``; None when there are none."""
    found = list(values)
    if not found:
        return None
    return Spread(statistics.median(found), min(found), max(found))


def of_server(series: Series, server: str) -> Spread | None:
    """Summarise the values of ``server``; None when it was not measured."""
    return spread(value for (name, _), value in series.items() if name == server)


def ratio(series: Series, server: str, reference: str) -> Spread | None:
    """Summarise the rounds' quotients of ``server``'s value and ``reference``'s.

    Values of the same round are compared with each other, so that a machine that grows slower
    during the run does not tilt the result.
    """
    return spread(
        mine / theirs
        for (name, round_), mine in series.items()
        if name == server and (theirs := series.get((reference, round_), 0.0))
    )


def rival(series: Series, reference: str, servers: Iterable[str], direction: int) -> str | None:
    """Return which of ``servers`` is the hardest for ``reference`` to beat.

    That is judged by the ratios of the rounds in which both were measured; ``direction`` is 1
    where more is better and -1 where less is.
    """
    ratios = {name: found.median for name in servers if (found := ratio(series, name, reference))}
    return max(ratios, key=lambda name: direction * ratios[name], default=None)
