"""Control's order to the master about the carrier of the VIPs' interface.

An order is a number in the state vector with one bit, and a ring of the master's doorbell. What
the master has taken away by itself stays away until the next order.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from dnsd.image.state import NODE_CARRIER, CarrierCells

if TYPE_CHECKING:
    from collections.abc import Collection

    from dnsd.image.state import StateVector

POLL_S = 0.01
"""How often it is looked whether the master has obeyed, while a command waits for it."""


class CarrierOrder:
    """The order in force, in ``vector``; ``doorbell`` is an eventfd that wakes the master.

    ``cells`` are those of the interface that it is about.
    """

    def __init__(
        self,
        vector: StateVector,
        doorbell: int,
        cells: CarrierCells = NODE_CARRIER,
    ) -> None:
        self._cells = cells
        self._control = vector.control
        self._master = vector.master
        self._doorbell = doorbell

    @property
    def number(self) -> int:
        """What tells this order from all others; 0 before the first one."""
        return int(self._control[self._cells.order])

    @property
    def on(self) -> bool:
        """Whether a carrier is ordered."""
        return bool(self.number & 1)

    @property
    def done(self) -> bool:
        """Whether the master gives a carrier."""
        return bool(self._master[self._cells.carrier])

    @property
    def is_answered(self) -> bool:
        """Whether the master has done what is ordered, or has decided otherwise."""
        return self.done == self.on or self.silenced

    @property
    def silenced(self) -> bool:
        """Whether the master has taken the carrier away in spite of the order."""
        return bool(self.number and self._master[self._cells.silenced] == self.number)

    def put(self, carrier: bool) -> None:
        """Order it, unless it is ordered already."""
        if carrier != self.on:
            self.again(carrier)

    def again(self, carrier: bool) -> None:
        """Give the order again: the state does not match the earlier one."""
        self._control[self._cells.order] = ((self.number >> 1) + 1) << 1 | carrier
        self.ring()

    def ring(self) -> None:
        """Wake the master."""
        os.eventfd_write(self._doorbell, 1)


async def carried_out(orders: Collection[CarrierOrder], until: float) -> None:
    """Wait for the master, until ``until`` (monotonic seconds) at the most: it may be busy."""
    while not all(one.is_answered for one in orders) and time.monotonic() < until:
        await asyncio.sleep(POLL_S)
