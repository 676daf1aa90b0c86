"""The carrier of the VIPs' interface: on while control wants it and a worker is alive.

BIRD announces the VIPs while the interface has a carrier, and the interface ends with the
master. So the route is withdrawn without any timer when the master dies, and without control when
no worker is left to answer.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from dnsd.daemon.children import is_serving
from dnsd.errors import VipError
from dnsd.image.state import NODE_CARRIER, CarrierCells, WorkerCells
from dnsd.process.log import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.image.state import StateVector


class Interface(Protocol):
    """The interface of the VIPs."""

    def carrier(self, up: bool, /) -> None:
        """Switch its carrier on or off; VipError if the interface is gone."""
        ...

    def close(self) -> None:
        """Remove it."""
        ...

    def duplicate(self) -> int:
        """Return a descriptor for another process that is to hold it, too."""
        ...


class Carrier:
    """Follows control's orders about the interface that ``make`` makes.

    It is made again if it is deleted; VipError if it cannot be made at first.
    ``is_alive`` returns whether a carrier makes sense; its orders are in ``cells``.
    """

    def __init__(
        self,
        make: Callable[[], Interface],
        vector: StateVector,
        is_alive: Callable[[], bool],
        cells: CarrierCells = NODE_CARRIER,
    ) -> None:
        self._make = make
        self._interface: Interface | None = make()
        self._vector = vector
        self._alive = is_alive
        self._cells = cells
        self._order = 0
        self._lost = ""
        self.up = False

    def resume(self) -> None:
        """Take over as it is: another master has followed the orders so far."""
        self._order = self._vector.control[self._cells.order]
        self.up = bool(self._vector.master[self._cells.carrier])

    def duplicate(self) -> int | None:
        """Return a descriptor of the interface for another process; None if there is none now."""
        return None if self._interface is None else self._interface.duplicate()

    def turn(self) -> bool:
        """Do what is due; return whether the carrier was taken because of silence."""
        alive = self._is_alive()
        order = self._vector.control[self._cells.order]
        if order != self._order:
            self._order = order
            self.set(bool(order & 1) and alive)
            if order & 1 and not alive:
                self._vector.master[self._cells.silenced] = order
        if not self.up or alive:
            return False
        self._vector.master[self._cells.silenced] = order
        self.set(False)
        return True

    def set(self, up: bool) -> None:
        """Switch the interface's carrier, whatever the orders are.

        Even if it is as wanted already: this is how a lost interface is noticed.
        """
        try:
            if self._interface is None:
                self._interface = self._make()
            self._interface.carrier(up)
            self._lost = ""
        except (VipError, OSError) as error:
            # The interface is gone, and so is the route; a new one has no carrier until
            # control has given it its addresses.
            self._tell_loss(str(error))
            self._interface = self._replaced()
            up = False
        self.up = up
        self._vector.master[self._cells.carrier] = up

    def _tell_loss(self, why: str) -> None:
        """Log the loss once: control tries again every second."""
        if why != self._lost:
            self._lost = why
            told = f"the interface of the VIPs is lost and will be recreated: {why}"
            say("interface-lost", told, reason=why)

    def _replaced(self) -> Interface | None:
        """Return a new interface, None if it cannot be made now."""
        if self._interface is not None:
            self._interface.close()
        with suppress(VipError, OSError):
            return self._make()
        return None

    def _is_alive(self) -> bool:
        return self._alive()


def any_worker(vector: StateVector, miss: float) -> Callable[[], bool]:
    """Return a function that tells whether a worker serves, with progress in ``miss`` seconds."""
    workers = [vector.worker(index) for index in range(vector.workers)]

    def is_alive() -> bool:
        return any(
            is_serving(cells) and cells[WorkerCells.SILENT] < miss * 1e9 for cells in workers
        )

    return is_alive
