"""The operator's drains of backends: in force at once, and on disk over restarts.

A drain belongs to a backend of a service by its name, and outlives edits that take it away and
bring it back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from dnsd.process import log
from dnsd.process.durablefile import Durable

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.image.keepsake import Keepsake

FILE = "balance.json"
AGAIN_S = 2.0
"""How often drains are written that the disk has refused."""


class DrainOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order to drain a backend; ``since`` is POSIX seconds."""

    since: float
    reason: str = ""


_Drains = dict[str, dict[str, DrainOrder]]


class Drains:
    """The drains in force, by service and backend; ``fault`` is why they are not written down."""

    def __init__(self, directory: Path, keepsake: Keepsake | None = None) -> None:
        self.fault = ""
        self._file = Durable(directory / FILE, keepsake)
        self._unwritten = False
        self._drains = self._read()

    def of(self, service: str) -> dict[str, DrainOrder]:
        """Return the drains of a service by backend."""
        return self._drains.get(service, {})

    def put(self, service: str, backend: str, drain: DrainOrder | None) -> None:
        """Put a drain in force, or end it (None)."""
        own = {name: one for name, one in self.of(service).items() if name != backend}
        if drain is not None:
            own[backend] = drain
        self._drains = {**self._drains, service: own}
        self._unwritten = True
        self._file.keep(self._encoded())
        self.fault = f"the drains are in force, but not saved in {self._file.path} yet"

    async def write(self) -> None:
        """Write down what is in force."""
        written = self._drains
        try:
            await asyncio.to_thread(self._file.write, self._encoded())
        except OSError as error:
            self.fault = (
                f"the drains cannot be saved in {self._file.path} ({error.strerror}): they "
                "are in force, but a restart forgets them; trying again"
            )
        else:
            if written is self._drains:
                self.fault, self._unwritten = "", False

    async def run(self) -> None:
        """Write down for ever what the disk has refused."""
        while True:
            await asyncio.sleep(AGAIN_S)
            if self._unwritten:
                await self.write()

    def _encoded(self) -> bytes:
        return msgspec.json.encode(self._drains)

    def _read(self) -> _Drains:
        try:
            data = self._file.read()
            return {} if data is None else msgspec.json.decode(data, type=_Drains)
        except (OSError, ValueError) as error:
            self.fault = (
                f"{self._file.path} cannot be read ({error}), so drains may be lost: repeat "
                f"`dnsd balance drain` for the backends to drain, or undrain one"
            )
            log.say("drains-lost", f"balance: {self.fault}", path=str(self._file.path))
            return {}
