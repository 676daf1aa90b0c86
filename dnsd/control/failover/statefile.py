"""``failover.state``: what of the pools survives a restart, on disk.

Knows the file and its faults; what is in it is :mod:`dnsd.failover.stored`'s.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from dnsd.control import durable, log
from dnsd.failover import stored
from dnsd.failover.stored import Kept

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.failover.stored import StoredPool

FILE = "failover.state"


class StateFile:
    """The file in ``directory``; ``fault`` is why the last state is not written down, if so."""

    def __init__(self, directory: Path) -> None:
        self.fault = ""
        self._path = directory / FILE
        self._exists = False
        self._writing = asyncio.Lock()
        # Who stops does not wait for a thread that writes: he writes, too, and has the last word.
        self._lock = threading.Lock()
        self._given = self._written = 0

    def read(self, wall: float) -> Kept:
        """Return what was stored, as far as it can be read; what can't be is told."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return Kept({}, 0.0, fresh=False, reason="")
        except OSError as error:
            log.say(f"failover: {self._path} cannot be read ({error.strerror}): {_LOST}")
            return Kept({}, 0.0, fresh=False, reason="")
        self._exists = True
        kept = stored.decode(data, wall)
        if kept.reason:
            lost = "" if kept.pools else f"; {_LOST}"
            log.say(f"failover: {self._path}: {kept.reason}{lost}")
        return kept

    async def write(self, pools: tuple[StoredPool, ...], wall: float) -> None:
        """Write down ``pools`` as they are at ``wall``."""
        number = self._next()
        async with self._writing:
            await asyncio.to_thread(self._put, number, pools, wall)

    def write_now(self, pools: tuple[StoredPool, ...], wall: float) -> None:
        """Write them down at once; a node that has no pools needs no file."""
        self._put(self._next(), pools, wall)

    def _next(self) -> int:
        self._given += 1
        return self._given

    def _put(self, number: int, pools: tuple[StoredPool, ...], wall: float) -> None:
        """Write them down, unless something with a higher ``number`` stands there already."""
        with self._lock:
            if number > self._written and (pools or self._exists):
                self._written = number
                self._replace(pools, wall)

    def _replace(self, pools: tuple[StoredPool, ...], wall: float) -> None:
        try:
            durable.replace(self._path, stored.encode(pools, wall))
        except OSError as error:
            if not self.fault:
                log.say(f"failover: {self._path} cannot be written ({error.strerror})")
            self.fault = (
                f"the states of pools cannot be written down in {self._path} ({error.strerror}): "
                "orders are in force, but a restart forgets them; see to the disk"
            )
        else:
            self._exists, self.fault = True, ""


_LOST = "what was known of pools, and ordered, is lost"
