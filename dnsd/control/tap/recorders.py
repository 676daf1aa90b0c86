"""Recorders: the processes that write down what workers are asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.process import log, spawn
from dnsd.recorder.spec import RecorderReport, decode_report, encode

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from dnsd.recorder.spec import RecorderSpec

AGAIN_S = 5.0
"""Seconds until one that has ended by itself is started again."""
ENDS_S = 2.0
"""Seconds that one may take to write what it has, when it is told to end."""


class Recorder:
    """A recorder for ``what``, as :mod:`dnsd.recorder` describes it."""

    def __init__(self, what: str, spec: RecorderSpec) -> None:
        self._what = what
        self.spec = spec
        self._before = RecorderReport(0, 0)
        self._latest = RecorderReport(0, 0)

    @property
    def report(self) -> RecorderReport:
        """What was done so far, by all of its processes."""
        return RecorderReport(
            self._before.written + self._latest.written,
            self._before.lost + self._latest.lost,
            self._latest.fault,
        )

    async def run(self) -> None:
        """Have a process record, and another one if it ends, until this is cancelled."""
        while True:
            try:
                process = await self._start()
            except OSError as error:
                self._tell_fault(f"no process can be started for it: {error.strerror}")
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                await self._listen(process)
                status = await process.wait()
                if not self._latest.fault:
                    self._tell_fault(f"its process has ended with status {status}")
            finally:
                await self._end(process)
            self._before, self._latest = self.report, RecorderReport(0, 0, self._latest.fault)
            await asyncio.sleep(AGAIN_S)

    async def _start(self) -> Process:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *spawn.command("dnsd.recorder.__main__"),
            stdin=pipe,
            stdout=pipe,
            env=spawn.environment(),
            pass_fds=(self.spec.state_fd,),
        )
        assert process.stdin
        process.stdin.write(encode(self.spec))
        return process

    async def _listen(self, process: Process) -> None:
        """Take reports until there are no more."""
        assert process.stdout
        async for line in process.stdout:
            with suppress(msgspec.DecodeError):
                latest = decode_report(line)
                if latest.fault:
                    self._tell_fault(latest.fault)
                elif self._latest.fault:
                    log.say("recorder-works", f"{self._what}: queries are written again")
                self._latest = latest

    async def _end(self, process: Process) -> None:
        """Have ``process`` write what it has, and end."""
        assert process.stdin
        process.stdin.close()
        try:
            async with asyncio.timeout(ENDS_S):
                await self._listen(process)
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()

    def _tell_fault(self, fault: str) -> None:
        if fault != self._latest.fault:
            log.say("recorder-fault", f"{self._what}: {fault}", reason=fault)
        self._latest = msgspec.structs.replace(self._latest, fault=fault)
