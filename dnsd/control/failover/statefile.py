"""``failover.state``: what of the pools survives a restart, on disk.

Knows the file and its faults; what is in it is :mod:`dnsd.failover.stored`'s. It is there before
the ledger says that there are pools: so it is missed when it is gone.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from dnsd.build import images
from dnsd.failover import stored
from dnsd.failover.stored import Kept, Moment
from dnsd.process import log
from dnsd.process.durablefile import Durable, WriteOrder

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.failover.stored import StoredPool
    from dnsd.image.keepsake import Keepsake

FILE = "failover.state"


def moment() -> Moment:
    """Return now, by the clocks that outlive a process."""
    return Moment(time.time(), images.boot(), time.clock_gettime(time.CLOCK_BOOTTIME))


class StateFile:
    """The file in ``directory``.

    ``past`` is why there must be one, as the rest of a sentence; empty if there need not be.
    """

    def __init__(
        self, directory: Path, keepsake: Keepsake | None = None, *, past: str = ""
    ) -> None:
        self.loss = ""
        """Why earlier orders are lost, kept over restarts until a new order is given; empty if they
        are not."""
        self._past = past
        self._is_new = False
        self._refusal = ""
        self._demanded = self._on_disk = 0
        self._path = directory / FILE
        self._file = Durable(self._path, keepsake)
        self.exists = False
        self._writing = asyncio.Lock()
        # The stop does not wait for a thread that writes: it writes, too, and has the last word.
        self._order = WriteOrder()
        self._given = 0

    @property
    def fault(self) -> str:
        """Why the last state, or an order, is not on disk; empty if all of it is."""
        if self._refusal:
            return (
                f"the states of pools cannot be saved in {self._path} ({self._refusal}): "
                "orders are in force, but a restart now would forget them; trying again"
            )
        if self._demanded > self._on_disk:
            return f"an order is in force, but not saved in {self._path} yet"
        return ""

    def demand(self) -> None:
        """Note an order, which the next write takes in: until then it is not durable."""
        self._demanded = self._given + 1
        self.loss, self._is_new = "", False

    def read(self, now: Moment) -> Kept:
        """Return what was stored, as far as it can be read; the rest is logged."""
        try:
            data = self._file.read()
        except OSError as error:
            self._lose(f"cannot be read ({error.strerror})")
            return Kept({}, 0.0, fresh=False, reason="")
        if data is None:
            self._is_new = True
            if self._past:
                self.miss(self._past)
            return Kept({}, 0.0, fresh=False, reason="")
        self.exists = True
        kept = stored.decode(data, now)
        if kept.loss:
            self.loss = kept.loss
            log.say("states-lost", f"failover: {self.loss}", path=str(self._path))
        if kept.reason and kept.pools:
            told = f"failover: {self._path}: {kept.reason}"
            log.say("states-lost", told, path=str(self._path), reason=kept.reason)
        elif kept.reason:
            self._lose(f"has nothing usable ({kept.reason})")
        return kept

    def miss(self, past: str) -> None:
        """Note that there must have been a file when this node started, as ``past`` says.

        Nothing, if there was one, or if an order has been given since.
        """
        if self._is_new:
            self._is_new = False
            self._lose(f"is missing, although {past}")

    def _lose(self, why: str) -> None:
        self.loss = (
            f"{self._path} {why}: the states of pools are lost, with all drains and orders: "
            f"members that were out are in answers again, and this node calls nothing SAFE; "
            f"give the orders again, or one that changes nothing (dnsd failover force … auto)"
        )
        log.say("states-lost", f"failover: {self.loss}", path=str(self._path))

    async def write(self, pools: tuple[StoredPool, ...], now: Moment) -> None:
        """Write down ``pools`` as they are ``now``."""
        number = self._next()
        async with self._writing:
            await asyncio.to_thread(self._put, number, pools, now)

    def write_now(self, pools: tuple[StoredPool, ...], now: Moment) -> None:
        """Write them down at once; a node that has no pools needs no file."""
        self._put(self._next(), pools, now)

    def _next(self) -> int:
        self._given += 1
        return self._given

    def _put(self, number: int, pools: tuple[StoredPool, ...], now: Moment) -> None:
        """Write them down, unless something with a higher ``number`` stands there already."""

        def write() -> None:
            if pools or self.exists:
                self._file.write(stored.encode(pools, now, self.loss))
                self.exists, self._refusal = True, ""
            self._on_disk = number

        try:
            self._order.do(number, write)
        except OSError as error:
            if not self._refusal:
                told = f"failover: {self._path} cannot be written ({error.strerror})"
                log.say("disk-refuses", told, path=str(self._path))
            self._refusal = error.strerror or str(error)
