"""``[dnstap]``: a recorder for each place that the configuration names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

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
    """Keeps the recorders that the configuration in force, ``effective``, asks for."""

    def __init__(
        self, vector: StateVector, listeners: Listeners, effective: Callable[[], Config]
    ) -> None:
        self._vector = vector
        self._listeners = listeners
        self._effective = effective
        self._running: dict[RecorderSpec, tuple[Recorder, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Follow the configuration for ever."""
        while True:
            if (wanted := self._wanted()) != self._running.keys():
                await self._change(wanted)
            await asyncio.sleep(LOOK_S)

    @property
    def faults(self) -> list[str]:
        """Why something is not sent now, as sentences."""
        reports = (recorder.report for recorder, _ in self._running.values())
        return [f"dnstap: {one.fault}" for one in reports if one.fault]

    def status(self) -> list[dict[str, Any]]:
        """Return what was written so far, and where."""
        return [
            {
                "to": spec.sink.file or (isinstance(spec.sink, DnstapSink) and spec.sink.socket),
                "sample": spec.one_in,
                **msgspec.structs.asdict(recorder.report),
            }
            for spec, (recorder, _) in self._running.items()
        ]

    async def _change(self, wanted: set[RecorderSpec]) -> None:
        gone = [self._running.pop(spec)[1] for spec in self._running.keys() - wanted]
        for task in gone:
            task.cancel()
        if gone:
            await asyncio.wait(gone)
        if not wanted:
            self._listeners.leave(_WHO)
            return
        self._listeners.want(_WHO, Interest(self._effective().dnstap.sample))
        for spec in wanted - self._running.keys():
            recorder = Recorder(_WHO, spec)
            self._running[spec] = recorder, asyncio.ensure_future(recorder.run())

    def _wanted(self) -> set[RecorderSpec]:
        told = self._effective().dnstap
        places = [{"socket": str(told.socket)}] if told.socket else []
        places += [{"file": str(told.file)}] if told.file else []
        return {self._spec(**place) for place in places}

    def _spec(self, socket: str = "", file: str = "") -> RecorderSpec:
        config = self._effective()
        told, server = config.dnstap, config.server
        sink = DnstapSink(
            socket=socket,
            file=file,
            size=told.size,
            identity=told.identity or server.server_id or "",
            version=told.version or server.version or "",
            queries=told.messages != "responses",
            responses=told.messages != "queries",
        )
        return RecorderSpec(self._vector.fd, self._vector.workers, told.sample, sink)
