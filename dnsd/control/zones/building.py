"""Which zones are being built, since when, and how far that has come; and which ones are leaving.

Several reloads are on their way at the same time, but no two of them with the same zone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dnsd.image.state import ControlCells

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Set


class Building:
    """``since`` is when the build of each zone has begun (monotonic seconds), by origin.

    ``leaving`` are zones that are going to be dropped, some of them together with what is built.
    The master reads in control's ``cells`` how far it has come.
    """

    def __init__(self, cells: memoryview) -> None:
        self.since: dict[str, float] = {}
        self.leaving: set[str] = set()
        self._cells = cells
        self._ended = asyncio.Event()

    def begin(self, origins: Collection[str], leaving: Collection[str], now: float) -> None:
        """Note that ``origins`` are being built from ``now`` on, until they :meth:`end`.

        ``leaving`` are dropped by the same reload.
        """
        assert not self.among({*origins, *leaving}), "each zone is the business of one reload"
        self.since |= dict.fromkeys(origins, now)
        self.leaving.update(leaving)
        self._cells[ControlCells.TO_BUILD] += len(origins)

    def end(self, origins: Iterable[str]) -> None:
        """Note that ``origins`` are built, or dropped, or are not going to be."""
        for origin in origins:
            self.leaving.discard(origin)
            if self.since.pop(origin, None) is not None:
                self._cells[ControlCells.BUILT] += 1
        if not self.since:
            self._cells[ControlCells.TO_BUILD] = self._cells[ControlCells.BUILT] = 0
        self._ended.set()
        self._ended = asyncio.Event()

    def among(self, origins: Iterable[str]) -> Set[str]:
        """Return which of ``origins`` are being built, or are leaving."""
        built = self.since.keys() & origins if self.since else set()
        return built | self.leaving.intersection(origins) if self.leaving else built

    async def ended(self, origins: Set[str]) -> None:
        """Wait until no reload is on its way with any of ``origins``."""
        while self.among(origins):
            await self._ended.wait()
