"""What the announcers of a director must not forget: in memory over control, on disk over the node.

A service that left the route for a failure waits before it comes back, longer each time. Times are
monotonic, so what is on disk is bound to a boot. A disk that cannot be written costs the memory of
a restart, nothing else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from dnsd.announce.damping import Past
from dnsd.build.images import boot
from dnsd.process import log
from dnsd.process.durablefile import Durable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dnsd.image.keepsake import Keepsake

FILE = "balance.past"


class _Kept(msgspec.Struct, frozen=True):
    boot: str
    pasts: dict[str, Past]


class Pasts:
    """Reads what was left of each service at the start, and keeps what is so now."""

    def __init__(self, directory: Path, now: float, keepsake: Keepsake | None = None) -> None:
        self._file = Durable(directory / FILE, keepsake)
        self._boot = boot()
        self._kept = self._read(now)
        self._writing: asyncio.Task[None] | None = None

    def of(self, service: str) -> Past:
        """Return what was left of a service."""
        return self._kept.get(service, Past())

    def keep(self, pasts: Mapping[str, Past]) -> None:
        """Keep these in memory at once, and have them written to the disk."""
        if pasts == self._kept:
            return
        self._kept = dict(pasts)
        self._file.keep(self._encoded())
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def written(self, seconds: float) -> None:
        """Wait until what is kept is on the disk, or could not be written; at most ``seconds``."""
        if self._writing is not None:
            await asyncio.wait((self._writing,), timeout=seconds)

    async def _write(self) -> None:
        """Write until what is written is what is kept."""
        written = None
        while written != self._kept:
            written = self._kept
            try:
                await asyncio.to_thread(self._file.write, self._encoded())
            except OSError:
                return  # the next change tries again

    def _encoded(self) -> bytes:
        return msgspec.json.encode(_Kept(self._boot, self._kept))

    def _read(self, now: float) -> dict[str, Past]:
        try:
            data = self._file.read()
            if data is None:
                return {}
            kept = msgspec.json.decode(data, type=_Kept)
        except (OSError, ValueError) as error:
            log.say(
                "holddown-forgotten",
                f"anycast: {self._file.path} cannot be read ({error}): earlier hold-downs are "
                "forgotten",
            )
            return {}
        if kept.boot == self._boot:
            return kept.pasts
        return {name: past.of_earlier_boot(now) for name, past in kept.pasts.items()}
