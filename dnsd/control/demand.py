"""Has workers count who asks for what while ``[demand]`` says so, and tells what they have counted.

A window lasts as long as the configuration says; then another one begins, with another key.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

from dnsd.errors import AdminError
from dnsd.image import demand
from dnsd.wire.name import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from dnsd.config import Demand
    from dnsd.control.admin import Command
    from dnsd.image.demand import Pair, WindowSummary
    from dnsd.image.state import StateVector

LOOK_S = 1.0
"""Seconds between two looks whether a window is to begin or to end."""

_KEY = 16


class DemandKeeper:
    """Begins and ends windows in ``vector``; ``settings`` says what is configured now.

    ``zones`` says which zones there are.
    """

    def __init__(
        self,
        vector: StateVector,
        settings: Callable[[], Demand],
        zones: Callable[[], Collection[str]],
    ) -> None:
        self._workers = [vector.sketched(index) for index in range(vector.workers)]
        self._control = self._workers[0].control
        self._settings = settings
        self._zones = zones

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.look(time.monotonic_ns(), int(time.time()))
            await asyncio.sleep(LOOK_S)

    def look(self, now: int, day: int) -> None:
        """Begin or end a window if it is time: ``now`` is monotonic (ns), ``day`` POSIX seconds."""
        settings, number = self._settings(), self._control[demand.CURRENT]
        if not settings.enabled:
            demand.end(self._control, now)
        elif not number or now - demand.began(self._control, number) >= settings.window * 1e9:
            demand.begin(self._control, os.urandom(_KEY), now, day)

    def commands(self) -> dict[str, Command]:
        """Return the admin commands by name."""
        return {"demand": self._tell}

    async def _tell(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was counted in the window that lasts, or with ``last`` in the one before."""
        latest = self._control[demand.LATEST]
        number = latest - bool(request.get("last"))
        found = await asyncio.to_thread(demand.summary, self._workers, number, time.monotonic_ns())
        if found is None:
            raise AdminError(self._why(latest))
        zones = sorted(self._zones(), key=len, reverse=True)
        return await asyncio.to_thread(_as_data, found, zones)

    def _why(self, latest: int) -> str:
        if latest > 1:
            return "older counts are gone: dnsd keeps two windows"
        if latest == 1:
            return "there is no earlier window yet"
        if self._settings().enabled:
            return "counting has just begun: ask again in a second"
        return 'demand is not counted: set "enabled = true" in [demand], and reload'

    def status(self, now: int) -> dict[str, Any] | None:
        """Return what is counted now: seconds, queries, and the share of sets that are full."""
        if not (number := self._control[demand.CURRENT]):
            return None
        queries, full = demand.used(self._workers, number)
        return {
            "seconds": (now - demand.began(self._control, number)) / 1e9,
            "queries": queries,
            "full": full / demand.SETS,
        }


def _as_data(found: WindowSummary, zones: list[str]) -> dict[str, Any]:
    return {
        "began": found.day,
        "seconds": (found.ended - found.began) / 1e9,
        "queries": found.taken,
        "long": found.long,
        "others": sum(found.others),
        "hours": found.hours,
        "pairs": [_pair(pair, zones) for pair in found.pairs],
    }


def _pair(pair: Pair, zones: list[str]) -> dict[str, Any]:
    from dns.rdatatype import RdataType
    from dns.rdatatype import to_text as mnemonic

    name = to_text(pair.name)
    zone = next((zone for zone in zones if f".{name}".endswith(f".{zone}") or zone == "."), name)
    return {
        "source": f"{pair.source:016x}",
        "network": f"{pair.network:016x}",
        "name": zone if pair.negative else name,
        "type": "SOA" if pair.negative else mnemonic(RdataType.make(pair.rtype)),
        "kind": "negative" if pair.negative else "data",
        "ttl": pair.ttl,
        "share": pair.share,
        "parts": pair.parts,
    }
