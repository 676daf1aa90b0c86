"""The parts of the process of transfers put together, and its one loop.

Everything that is fetched, given or checked is a part of its own, and knows of the
others only what :class:`dnsd.xfrd.knowledge.Knowledge` says.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnsd.config import RECEIVED
from dnsd.image.state import StateVector, XfrdCells
from dnsd.process.correspondence import Correspondence
from dnsd.process.log import say
from dnsd.process.packets import Packets
from dnsd.transfer import words
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.orders import answer
from dnsd.xfrd.secondary import SecondaryPart

if TYPE_CHECKING:
    from dnsd.xfrd.spec import XfrdSpec


class TransferProcess:
    """The process; :meth:`run` works until the master is gone, or says stop."""

    def __init__(self, spec: XfrdSpec) -> None:
        self._spec = spec
        self._cells = StateVector(spec.state_fd, spec.workers).xfrd
        self._control = Packets(spec.control)
        self._handed = [Packets(fd) for fd in spec.handed]
        self.knowledge = Knowledge()
        received = Path(spec.directory, RECEIVED)
        self.knowledge.parts.append(SecondaryPart(self.knowledge, received, self.tell))

    async def run(self) -> None:
        """Do all there is to do."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_tell_fault)
        loop.add_signal_handler(signal.SIGTERM, os._exit, 0)
        loop.add_reader(0, _on_master)
        self._correspondence = Correspondence(self._control, self._take)
        self._correspondence.bulletin.event(words.encode(words.Hello()))
        self._correspondence.tell()
        self._cells[XfrdCells.PID] = os.getpid()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            for part in self.knowledge.parts:
                group.create_task(part.run())

    def tell(self, about: str, word: words.FromTransfers) -> None:
        """Have control hear ``word``, the last one ``about`` this."""
        self._correspondence.bulletin.put(about, words.encode(word))
        self._correspondence.tell()

    def _take(self, message: bytes) -> None:
        word = words.from_control(message)
        match word:
            case words.Hello():
                self.knowledge.take(word)
                self._correspondence.bulletin.again()
                self._correspondence.tell()
            case words.TransferOrder():
                for done in answer(word, self.knowledge):
                    self._correspondence.bulletin.event(words.encode(done))
                self._correspondence.tell()
            case _:
                self.knowledge.take(word)

    async def _beat(self) -> None:
        while True:
            self._cells[XfrdCells.HEARTBEAT] = time.monotonic_ns()
            await asyncio.sleep(self._spec.heartbeat)


def _on_master() -> None:
    """Go at once when the master has: a successor brings its own process."""
    if not os.read(0, 4096):
        os._exit(0)


def _tell_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    what = f"{type(error).__name__}: {error}" if error else context["message"]
    say(f"transfers: {what}")
