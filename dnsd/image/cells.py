"""Which cells of the state vector belong to which image. Pure; knows only numbers."""

from __future__ import annotations

from typing import NamedTuple

from dnsd.errors import StateError


class Range(NamedTuple):
    """``size`` cells from ``first`` on."""

    first: int
    size: int


NONE = Range(0, 0)
"""Of an image without pools."""


class CellAllocator:
    """Gives out ranges of ``total`` cells, the first one that is large enough."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._taken: list[Range] = []

    def take(self, count: int) -> Range:
        """Return ``count`` free cells; StateError if there are not as many in a row."""
        if count == 0:
            return NONE  # as for nearly all of a hundred thousand zones
        at = 0
        for number, taken in enumerate(self._taken):
            if taken.first - at >= count:
                return self._keep(number, Range(at, count))
            at = taken.first + taken.size
        if self._total - at < count:
            raise StateError(
                f"there is no room for the pools of this zone: all zones together may have "
                f"{self._total} cells, eight for each pool and one for each of its members"
            )
        return self._keep(len(self._taken), Range(at, count))

    def claim(self, one: Range) -> None:
        """Take exactly the cells ``one``, which an earlier process has given out."""
        later = (at for at, taken in enumerate(self._taken) if taken.first > one.first)
        self._keep(next(later, len(self._taken)), one)

    def give_back(self, one: Range) -> None:
        """Free the cells ``one``."""
        self._taken.remove(one)

    def _keep(self, number: int, one: Range) -> Range:
        if one.size:
            self._taken.insert(number, one)
        return one
