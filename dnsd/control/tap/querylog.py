"""``dnsd querylog``: a file with a line for each query, for a while.

It ends by itself, and a node that is restarted writes none: nobody forgets it and fills a disk.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dnsd.control.tap.listeners import Interest
from dnsd.control.tap.recorders import Recorder
from dnsd.errors import AdminError
from dnsd.process import log
from dnsd.recorder.spec import LineSink, RecorderSpec
from dnsd.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dnsd.config import Config
    from dnsd.control.admin import Command
    from dnsd.control.tap.listeners import Listeners
    from dnsd.image.state import StateVector

LONGEST_S = 7 * 86_400.0
"""Seconds that it may last: who wants it for good wants dnstap."""
MOST_ONE_IN = 1_000_000
FILE = "queries.log"
_WHO = "querylog"


class _Run:
    """One time that it is on: until ``ends``, by the clock of the loop."""

    def __init__(self, recorder: Recorder, ends: float) -> None:
        self.recorder = recorder
        self.ends = ends
        self.task = asyncio.ensure_future(recorder.run())


class QuerylogKeeper:
    """Keeps whether queries are logged; ``effective`` is the configuration in force."""

    def __init__(
        self, vector: StateVector, listeners: Listeners, effective: Callable[[], Config]
    ) -> None:
        self._vector = vector
        self._listeners = listeners
        self._effective = effective
        self._run: _Run | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Future[None] | None = None

    def commands(self) -> dict[str, Command]:
        """Return the admin commands by name."""
        return {_WHO: self._command}

    async def _command(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Switch it on or off, or neither; return what is written."""
        match request.get("order"):
            case None:
                return self.status()
            case "on":
                await self._switch_on(request.get("seconds"), request.get("sample"))
                return self.status()
            case "off":
                return await self._switch_off("it was ordered")
            case other:
                raise AdminError(f'{other!r} is no order: say "on" or "off"')

    @property
    def fault(self) -> str:
        """Why nothing can be written now; empty if something can, or nothing is to be."""
        fault = "" if self._run is None else self._run.recorder.report.fault
        return f"query log: {fault}" if fault else ""

    def status(self) -> dict[str, Any]:
        """Return whether it is on and what was written."""
        return _told(self._run, self._file())

    def _file(self) -> Path:
        config = self._effective()
        return config.querylog.file or config.server.state_directory / FILE

    async def _switch_on(self, seconds: object, one_in: object) -> None:
        if not isinstance(seconds, int | float) or not 1 <= seconds <= LONGEST_S:
            raise AdminError(f"a query log lasts from 1 s to {duration(LONGEST_S)}")
        if not isinstance(one_in, int) or not 1 <= one_in <= MOST_ONE_IN:
            raise AdminError(f"one query in 1 to {MOST_ONE_IN:,} can be logged")
        await self._switch_off("another one was ordered")
        settings, loop = self._effective().querylog, asyncio.get_running_loop()
        sink = LineSink(str(self._file()), settings.format, settings.size)
        spec = RecorderSpec(self._vector.fd, self._vector.workers, one_in, sink)
        self._run = _Run(Recorder("query log", spec), loop.time() + seconds)
        self._timer = loop.call_later(seconds, self._expire)
        self._listeners.want(_WHO, Interest(one_in))
        what = "all queries" if one_in == 1 else f"one query in {one_in:,}"
        told = f"query log: {what} to {sink.file}, for {duration(seconds)}"
        log.say("querylog-on", told, path=sink.file)

    def _expire(self) -> None:
        self._ending = asyncio.ensure_future(self._switch_off_quietly())

    async def _switch_off_quietly(self) -> None:
        await self._switch_off("its time is over")

    async def _switch_off(self, why: str) -> dict[str, Any]:
        run, self._run = self._run, None
        if self._timer is not None:
            self._timer.cancel()
        if run is None:
            return self.status()
        self._listeners.leave(_WHO)
        run.task.cancel()
        await asyncio.wait({run.task})
        done, sink = run.recorder.report, run.recorder.spec.sink
        told = f"query log: off, as {why}: {done.written:,} queries written, {done.lost:,} lost"
        log.say("querylog-off", told, path=sink.file)
        return {**_told(run, self._file()), "on": False}


def _told(run: _Run | None, file: Path) -> dict[str, Any]:
    if run is None:
        return {"on": False, "file": str(file)}
    spec, done = run.recorder.spec, run.recorder.report
    left = run.ends - asyncio.get_running_loop().time()
    return {
        "on": True,
        "file": spec.sink.file,
        "sample": spec.one_in,
        "left": max(0.0, left),
        "written": done.written,
        "lost": done.lost,
        "fault": done.fault,
    }
