"""Whether all zones have been loaded once since the start, and what waits for that.

Zones answer as soon as they are built. That the node is ready, and that its VIPs are announced,
waits for all of them, but not for ever: beyond a limit the node works without what is missing, and
tells so; an anycast node is then less preferred than others.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import TYPE_CHECKING, Any

from dnsd.config.units import format_duration
from dnsd.control.zones.table import ZoneState
from dnsd.image.state import ControlCells, FirstLoad
from dnsd.process import log
from dnsd.text import shortlist

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from dnsd.control.zones.building import Building
    from dnsd.control.zones.table import ZoneRow

LISTED = 100
"""Zones that are told to be built, the oldest first."""
NAMED = 4
"""Zones that a sentence names; more would not be read."""


class Readiness:
    """What control's ``cells`` say of the first load; ``building`` are zones on their way.

    ``limit`` is how long (seconds) the node waits for them, ``on_ready`` is called when it waits
    no more.
    """

    def __init__(
        self,
        cells: memoryview,
        building: Building,
        rows: Mapping[str, ZoneRow],
        limit: Callable[[], float],
        on_ready: Callable[[], object],
    ) -> None:
        self._cells = cells
        self._building = building
        self._rows = rows
        self._limit = limit
        self._on_ready = on_ready
        self._began = time.monotonic()

    async def run(self, load: Coroutine[Any, Any, None]) -> None:
        """Wait for the first ``load``, in vain if it takes too long."""
        self._began = time.monotonic()
        task = asyncio.create_task(load)
        done, _ = await asyncio.wait({task}, timeout=self._limit())
        if not done:
            if self._cells[ControlCells.LOADED] != FirstLoad.OVER:
                self._cells[ControlCells.LOADED] = FirstLoad.LATE
                log.say(
                    "zones-late",
                    f"{self._sentence()}; no longer waiting for it ([zones] ready_within = "
                    f'"{format_duration(self._limit())}")',
                )
            self._on_ready()
        await task
        is_late = self._cells[ControlCells.LOADED] == FirstLoad.LATE
        self._cells[ControlCells.LOADED] = FirstLoad.OVER
        if is_late:
            log.say("zones-ready", "all zones have been loaded once")
        else:
            self._on_ready()

    def waits(self) -> str:
        """Return what the node waits for before it is ready, empty if it does not."""
        if self._cells[ControlCells.LOADED] != FirstLoad.UNDER_WAY:
            return ""
        left = max(0.0, self._limit() - (time.monotonic() - self._began))
        return f"{self._sentence()}; waiting for it for {format_duration(round(left))} at most"

    def lacks(self) -> tuple[str, ...]:
        """Return what a node that is ready answers with SERVFAIL until it is loaded."""
        if self._cells[ControlCells.LOADED] != FirstLoad.LATE:
            return ()
        return (self._sentence(),) if self._coming() else ()

    def status(self, now: float) -> list[dict[str, Any]]:
        """Return the zones that are being built, and for how long (seconds)."""
        since = heapq.nsmallest(LISTED, self._building.since.items(), key=lambda item: item[1])
        return [{"zone": origin, "seconds": max(0.0, now - began)} for origin, began in since]

    def _coming(self) -> list[str]:
        return [
            origin
            for origin in self._building.since
            if (row := self._rows.get(origin)) and row.state == ZoneState.LOADING
        ]

    def _sentence(self) -> str:
        coming = self._coming() or [*self._building.since]
        if not coming:
            return "the zones are being loaded"
        named = ", ".join(shortlist(sorted(coming), NAMED, "and {} more"))
        noun, verb = ("zone", "is") if len(coming) == 1 else ("zones", "are")
        return f"{len(coming)} {noun} {verb} still being loaded: {named}"
