"""Which zones are being built, since when, and how far that has come.

Several reloads build at the same time, but no two of them the same zone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dnsd.image.state import ControlCells

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Set


class Building:
    """``since`` is when the build of each zone has begun (monotonic seconds), by origin.

    The master reads in control's ``cells`` how far it has come.
    """

    def __init__(self, cells: memoryview) -> None:
        self.since: dict[str, float] = {}
        self._cells = cells
        self._ended = asyncio.Event()

    def begin(self, origins: Collection[str], now: float) -> None:
        """Note that ``origins`` are being built from ``now`` on, until they :meth:`end`."""
        assert not self.among(origins), "each zone is built by one reload at a time"
        self.since |= dict.fromkeys(origins, now)
        self._cells[ControlCells.TO_BUILD] += len(origins)

    def end(self, origins: Iterable[str]) -> None:
        """Note that ``origins`` are built, or are not going to be."""
        for origin in origins:
            if self.since.pop(origin, None) is not None:
                self._cells[ControlCells.BUILT] += 1
        if not self.since:
            self._cells[ControlCells.TO_BUILD] = self._cells[ControlCells.BUILT] = 0
        self._ended.set()
        self._ended = asyncio.Event()

    def among(self, origins: Iterable[str]) -> Set[str]:
        """Return which of ``origins`` are being built."""
        return self.since.keys() & origins if self.since else set()

    async def ended(self, origins: Set[str]) -> None:
        """Wait until none of ``origins`` is being built."""
        while self.among(origins):
            await self._ended.wait()
