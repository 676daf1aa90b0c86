"""``failover.recalls``: which other nodes had orders, on disk.

So a node that has lost its state directory hears of its orders even from peers that have been
started again since.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.control.failover.statefile import moment
from dnsd.failover.recall import StoredRecalls
from dnsd.failover.stored import Moment
from dnsd.process import durablefile, log
from dnsd.process.envelope import sealed, unsealed

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.failover.recall import Recalls

FILE = "failover.recalls"
VERSION = 1
_KIND = "dnsd-recalls"


class _Content(msgspec.Struct, frozen=True):
    wall: float
    boot: str
    running: float
    recalls: StoredRecalls


class RecallFile:
    """The file in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def read_into(self, recalls: Recalls) -> None:
        """Have ``recalls`` be what was written last, as far as it can be read."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self._tell(f"cannot be read ({error.strerror})")
            return
        try:
            content = msgspec.json.decode(unsealed(_KIND, VERSION, data), type=_Content)
        except ValueError as error:
            self._tell(str(error))
            return
        then = Moment(content.wall, content.boot, content.running)
        recalls.restore(content.recalls, max(0.0, moment().since(then)), time.monotonic())

    async def write(self, recalls: Recalls) -> bool:
        """Write ``recalls`` down; return whether the disk has taken it."""
        stored = recalls.to_stored(time.monotonic())
        body = msgspec.json.encode(_Content(*moment(), stored))
        with suppress(OSError):
            await asyncio.to_thread(durablefile.replace, self._path, sealed(_KIND, VERSION, body))
            return True
        return False

    def _tell(self, why: str) -> None:
        told = f"failover: {self._path} {why}; it is forgotten which other nodes had orders"
        log.say("states-lost", told, path=str(self._path), reason=why)
