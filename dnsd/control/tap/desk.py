"""All that listens to the tap, as one part of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnsd.control.tap.dnstap import DnstapKeeper
from dnsd.control.tap.listeners import Listeners
from dnsd.control.tap.querylog import QuerylogKeeper
from dnsd.control.tap.top import TopKeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.config import Config
    from dnsd.control.admin import Command
    from dnsd.image.state import StateVector


class TapDesk:
    """Who listens to the workers in ``vector``; ``effective`` is the configuration in force."""

    def __init__(self, vector: StateVector, effective: Callable[[], Config]) -> None:
        listeners = Listeners(vector.tap_control)
        self._querylog = QuerylogKeeper(vector, listeners, effective)
        self._dnstap = DnstapKeeper(vector, listeners, effective)
        self._top = TopKeeper(vector, listeners)

    def commands(self) -> dict[str, Command]:
        """Return the admin commands by name."""
        return {**self._querylog.commands(), **self._top.commands()}

    async def run(self) -> None:
        """Follow the configuration for ever."""
        await self._dnstap.run()

    def status(self) -> dict[str, Any]:
        """Return what is written down now, for ``dnsd status``."""
        return {"querylog": self._querylog.status(), "dnstap": self._dnstap.status()}

    @property
    def problems(self) -> list[str]:
        """What keeps queries from being written, as sentences."""
        return list(filter(None, (self._querylog.fault, *self._dnstap.faults)))
