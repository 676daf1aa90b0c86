"""The operator's orders: drain and withdraw, in force at once, and on disk over restarts."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from dnsd.announce import orders
from dnsd.announce.orders import Orders, RouteOrder
from dnsd.process import durablefile, log
from dnsd.process.durablefile import Durable

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.image.keepsake import Keepsake

FILE = "orders.json"

AGAIN_S = 2.0
"""How often orders are written that the disk has refused."""


class OrderBook:
    """Holds the orders in force (:meth:`at`, :meth:`put`), and writes them down.

    ``fault`` is why the last one is not written down; empty, it is. The file is there also while
    nothing is ordered, and put back when it is deleted. So where a node ``has_past`` and no file,
    orders are lost, which is not the same as that there were none. ``on_disk`` is set as soon as
    the next run of the node can miss the file.
    """

    def __init__(
        self, directory: Path, keepsake: Keepsake | None = None, *, has_past: bool = False
    ) -> None:
        self.fault = ""
        self._path = directory / FILE
        self.on_disk = asyncio.Event()
        self._file = Durable(self._path, keepsake)
        self._unwritten = self._are_lost = False
        self._orders = self._read(has_past)
        self._file.keep(orders.encode(self._orders))
        self._writing = asyncio.Lock()

    def at(self, wall: float) -> Orders:
        """Return the orders in force at ``wall`` (POSIX seconds)."""
        return self._orders.at(wall)

    def put(self, changed: Orders) -> None:
        """Put ``changed`` in force: a broken disk must not keep a node from being withdrawn."""
        self._orders = changed
        self._unwritten, self._are_lost = True, False
        self._file.keep(orders.encode(changed))
        self.fault = f"the orders are in force, but not saved in {self._path} yet"

    async def write(self) -> None:
        """Write down what is in force."""
        async with self._writing:
            written = self._orders
            try:
                # Not what successors read: that may be newer by the time the disk has taken this.
                await asyncio.to_thread(durablefile.replace, self._path, orders.encode(written))
            except OSError as error:
                self._unwritten = True
                self.fault = (
                    f"the orders cannot be saved in {self._path} ({error.strerror}): they "
                    "are in force, but a restart now would forget them; trying again"
                )
            else:
                self.on_disk.set()
                if written is self._orders:
                    self.fault, self._unwritten = "", False

    async def run(self) -> None:
        """Write down, again and again, what the disk has refused or another program has deleted.

        But not what stands for lost orders: the operator must replace that.
        """
        while True:
            there = await asyncio.to_thread(self._path.exists)
            if self._unwritten or not (there or self._are_lost):
                await self.write()
            else:
                self.on_disk.set()
            await asyncio.sleep(AGAIN_S)

    def _read(self, has_past: bool) -> Orders:
        try:
            data = self._file.read()
            if data is not None:
                return orders.decode(data)
        except (OSError, ValueError) as error:
            return self._lost(f"cannot be read ({error})")
        return self._lost("is gone") if has_past else Orders()

    def _lost(self, how: str) -> Orders:
        self._are_lost = True
        self.fault = (
            f"{self._path} {how}, so orders may be lost and the node is drained: give the "
            f"orders again, or `dnsd undrain node`"
        )
        log.say("orders-lost", f"anycast: {self.fault}", path=str(self._path))
        reason = f"{self._path} {how}, so its orders are unknown"
        return Orders(drain=RouteOrder(since=time.time(), reason=reason))
