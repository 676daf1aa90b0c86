"""All that listens to the tap, as one part of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.control.tap.listeners import Listeners
from dnsd.control.tap.querylog import QuerylogKeeper

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

    def commands(self) -> dict[str, Command]:
        """Return the admin commands by name."""
        return self._querylog.commands()

    @property
    def problems(self) -> list[str]:
        """What keeps queries from being written, as sentences."""
        return list(filter(None, (self._querylog.fault,)))
