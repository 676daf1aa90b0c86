"""Keeps what the announcer must not forget: in shared memory over control, on disk over the master.

What is on disk is bound to a boot, because its times are monotonic. A disk that cannot be written
costs the memory of a restart, nothing else. That there is a file says that the node has run before.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.announce.damping import Hold, Past
from dnsd.build.images import boot
from dnsd.image.state import ControlCells
from dnsd.process import durablefile, log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from dnsd.image.state import StateVector

FILE = "anycast.past"
_NS = 1_000_000_000
_SERIES = ("away", "drained", "repair")


def exists(directory: Path) -> bool:
    """Return whether a node has run with this state directory before."""
    return (directory / FILE).exists()


class _Kept(msgspec.Struct, frozen=True):
    boot: str
    past: Past


class PastKeeper:
    """Reads what a predecessor has left (:meth:`read`), and keeps what is so now (:meth:`keep`).

    Nothing is written to disk ``before`` has ended: that there is a file says of others that they
    have been there.
    """

    def __init__(
        self,
        vector: StateVector,
        directory: Path,
        before: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0),
    ) -> None:
        self._cells = vector.control
        self._path = directory / FILE
        self._before = before
        self._boot = boot()
        self._kept: Past | None = None
        self._written: Past | None = None
        self._writing: asyncio.Task[None] | None = None

    def read(self, now: float) -> Past:
        """Return what was left: by an earlier control process, or else by an earlier node."""
        if self._cells[ControlCells.PAST_KNOWN]:
            return self._in_memory()
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return Past()
        except (OSError, ValueError) as error:
            told = (
                f"anycast: {self._path} cannot be read ({error}): an earlier hold-down is forgotten"
            )
            log.say("holddown-forgotten", told, path=str(self._path))
            return Past()
        return kept.past if kept.boot == self._boot else kept.past.of_earlier_boot(now)

    def keep(self, past: Past) -> None:
        """Keep ``past`` in memory at once, and have it written to the disk."""
        if past == self._kept:
            return
        self._kept = past
        cells = self._cells
        cells[ControlCells.PAST_ON_ROUTE] = past.on_route
        for number, name in enumerate(_SERIES):
            hold: Hold = getattr(past, name)
            at = ControlCells.PAST_SERIES + 2 * number
            cells[at] = round(hold.length * _NS)
            cells[at + 1] = 0 if hold.until is None else max(1, round(hold.until * _NS))
        cells[ControlCells.PAST_KNOWN] = 1
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def written(self, seconds: float) -> None:
        """Wait until what is kept is on the disk, or could not be written; at most ``seconds``."""
        if self._writing is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await asyncio.shield(self._writing)

    async def _write(self) -> None:
        await self._before()
        while self._written != self._kept and self._kept is not None:
            past = self._written = self._kept
            data = msgspec.json.encode(_Kept(self._boot, past))
            # The disk is the health's matter, which tries it and tells.
            with suppress(OSError):
                await asyncio.to_thread(durablefile.replace, self._path, data)

    def _in_memory(self) -> Past:
        cells = self._cells
        holds = []
        for number in range(len(_SERIES)):
            at = ControlCells.PAST_SERIES + 2 * number
            until = cells[at + 1] / _NS if cells[at + 1] else None
            holds.append(Hold(cells[at] / _NS, until))
        away, drained, repair = holds
        return Past(away, drained, repair, bool(cells[ControlCells.PAST_ON_ROUTE]))
