"""The transfer process: its parts, and its one event loop.

Fetching, sending and updating zones are parts of their own; what they share is in
:class:`dnsd.xfrd.knowledge.Knowledge`.
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
from dnsd.process.log import follow, say
from dnsd.process.packets import Packets
from dnsd.transfer import ipc
from dnsd.xfrd import xot
from dnsd.xfrd.archive import Archive
from dnsd.xfrd.giving import Giving
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.notified import NotifiedZones
from dnsd.xfrd.notifying import Notifying
from dnsd.xfrd.orders import answer
from dnsd.xfrd.requests import TransferRequests
from dnsd.xfrd.secondary import SecondaryPart
from dnsd.xfrd.streams import Streams
from dnsd.xfrd.updating import UpdatePart
from dnsd.xfrd.workers import WorkerLink

if TYPE_CHECKING:
    from dnsd.xfrd.spec import XfrdSpec

SUMMARY_S = 5.0
"""How often control is told how the zones that are fetched are: that looks at all of them."""
COUNTS_S = 1.0
"""Seconds between two reports of the counters to control."""


class TransferProcess:
    """The process; :meth:`run` works until the master ends, or tells it to stop."""

    def __init__(self, spec: XfrdSpec) -> None:
        self._spec = spec
        vector = StateVector(spec.state_fd, spec.workers)
        follow(vector.log_level)
        self._cells = vector.xfrd
        self._control = Packets(spec.control)
        self._handed = [Packets(fd) for fd in spec.handed]
        self._tls_sockets = xot.listeners(spec.tls_listen)
        self.knowledge = Knowledge()
        received = Path(spec.directory, RECEIVED)
        secondary = SecondaryPart(self.knowledge, received, self.tell)
        self._secondary = secondary
        self.knowledge.parts.append(secondary)
        self.counts: dict[str, int] = {}
        self.requests = TransferRequests(self.knowledge, self.counts)
        refusals = self.requests.refusals
        self.knowledge.parts.append(refusals)
        self.requests.notified = NotifiedZones(self.knowledge, secondary.notified, refusals).respond
        updates = UpdatePart(self.knowledge, received, self.tell)
        self.knowledge.parts.append(updates)
        self.requests.updated = updates.respond

    async def run(self) -> None:
        """Run all parts."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_tell_fault)
        loop.add_signal_handler(signal.SIGTERM, os._exit, 0)
        loop.add_reader(0, _on_master)
        self._give()
        self._correspondence = Correspondence(self._control, self._take)
        self._correspondence.bulletin.event(ipc.encode(ipc.Hello()))
        self._correspondence.tell()
        self._cells[XfrdCells.PID] = os.getpid()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._tell_counts())
            group.create_task(self._tell_summary())
            group.create_task(self._tls.run())
            for part in self.knowledge.parts:
                group.create_task(part.run())

    def _give(self) -> None:
        """Make the parts that send zones to other servers."""
        archive = Archive(Path(self._spec.directory))
        notifying = Notifying(self.knowledge, archive, self.counts)
        archive.changed = notifying.changed
        giving = Giving(self.knowledge, archive, self.counts, self.requests.refusals)
        self.requests.transfer = giving.transfer
        self.knowledge.parts += [archive, notifying]
        streams = Streams(self.knowledge, self.requests)
        links = [WorkerLink(each, self.requests, streams) for each in self._handed]
        for link in links:
            link.start()
        self._tls = xot.TlsSide(self._tls_sockets, self.knowledge, streams, links[0].ask)

    def tell(self, about: str, message: ipc.FromTransfers) -> None:
        """Send ``message`` to control; it replaces an earlier one ``about`` the same thing."""
        self._correspondence.bulletin.put(about, ipc.encode(message))
        self._correspondence.tell()

    def _take(self, octets: bytes) -> None:
        message = ipc.from_control(octets)
        match message:
            case ipc.Hello():
                self.knowledge.take(message)
                self._correspondence.bulletin.again()
                self._correspondence.tell()
            case ipc.TransferOrder():
                for done in answer(message, self.knowledge):
                    self._correspondence.bulletin.event(ipc.encode(done))
                self._correspondence.tell()
            case _:
                self.knowledge.take(message)

    async def _beat(self) -> None:
        while True:
            self._cells[XfrdCells.HEARTBEAT] = time.monotonic_ns()
            await asyncio.sleep(self._spec.heartbeat)

    async def _tell_counts(self) -> None:
        while True:
            self.tell("counts", ipc.TransferCounts(self.counts))
            await asyncio.sleep(COUNTS_S)

    async def _tell_summary(self) -> None:
        while True:
            self.tell("summary", self._secondary.summary())
            await asyncio.sleep(SUMMARY_S)


def _on_master() -> None:
    """End at once when the master has ended: its successor starts its own process."""
    if not os.read(0, 4096):
        os._exit(0)


def _tell_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    what = f"{type(error).__name__}: {error}" if error else context["message"]
    say("internal-error", f"transfers: {what}", cause=error)
