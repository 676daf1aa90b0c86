"""``[dnstap]``: a recorder for as long as the configuration has one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dnsd.control.tap.listeners import Interest
from dnsd.control.tap.recorders import Recorder
from dnsd.recorder.spec import DnstapSink, RecorderSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.config import Config
    from dnsd.control.tap.listeners import Listeners
    from dnsd.image.state import StateVector

LOOK_S = 1.0
"""Seconds between two looks whether a reload has changed it."""
_WHO = "dnstap"


class DnstapKeeper:
    """Keeps the recorder that the configuration in force, ``effective``, asks for."""

    def __init__(
        self, vector: StateVector, listeners: Listeners, effective: Callable[[], Config]
    ) -> None:
        self._vector = vector
        self._listeners = listeners
        self._effective = effective
        self._recorder: Recorder | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follow the configuration for ever."""
        while True:
            wanted = self._wanted()
            if wanted != (None if self._recorder is None else self._recorder.spec):
                await self._change(wanted)
            await asyncio.sleep(LOOK_S)

    @property
    def fault(self) -> str:
        """Why nothing is sent now; empty if something is, or nothing is to be."""
        fault = "" if self._recorder is None else self._recorder.report.fault
        return f"dnstap: {fault}" if fault else ""

    def status(self) -> dict[str, Any] | None:
        """Return what was written so far; None if nothing is to be."""
        if self._recorder is None:
            return None
        spec, done = self._recorder.spec, self._recorder.report
        assert isinstance(spec.sink, DnstapSink)
        return {
            "to": spec.sink.socket or spec.sink.file,
            "sample": spec.one_in,
            "written": done.written,
            "lost": done.lost,
            "fault": done.fault,
        }

    async def _change(self, wanted: RecorderSpec | None) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._recorder = self._task = None
        if wanted is None:
            self._listeners.leave(_WHO)
            return
        self._listeners.want(_WHO, Interest(wanted.one_in))
        self._recorder = Recorder(_WHO, wanted)
        self._task = asyncio.ensure_future(self._recorder.run())

    def _wanted(self) -> RecorderSpec | None:
        config = self._effective()
        told, server = config.dnstap, config.server
        if told.socket is None and told.file is None:
            return None
        sink = DnstapSink(
            socket=str(told.socket or ""),
            file=str(told.file or ""),
            size=told.size,
            identity=told.identity or server.server_id or "",
            version=told.version or server.version or "",
            queries=told.messages != "responses",
            responses=told.messages != "queries",
        )
        return RecorderSpec(self._vector.fd, self._vector.workers, told.sample, sink)
