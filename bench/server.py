"""One running server: started on a core, waited for, read, and stopped by process id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bench import procs, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.peers import Peer
    from bench.peers.base import Setup
    from bench.zonegen import Query

START_S = 300.0
"""Seconds a server may take to load the zone."""
ASK_S = 0.02
POLL_S = 0.005
MEMORY_S = 0.1
"""Seconds between two looks at the memory: each holds a large process up for milliseconds."""
STOP_S = 10.0


class ServerError(Exception):
    """A server did not start, or went away."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the start cost: seconds to the first right answer, CPU seconds, largest PSS in bytes."""

    seconds: float
    cpu: float
    pss_peak: int


class Server:
    """A peer's process tree, from start to stop. Use as a context manager."""

    def __init__(self, peer: Peer, setup: Setup, cores: tuple[int, ...]) -> None:
        self.peer = peer
        self.setup = setup
        self._log = (setup.directory / "output.log").open("wb")
        start = peer.prepare(setup)
        self._started = time.monotonic()
        with procs.pinned(*cores):
            self._process = subprocess.Popen(
                start.command,
                env=os.environ | start.environment,
                cwd=setup.directory,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, query: Query, limit: float = START_S) -> Loaded:
        """Ask ``query`` until the answer is right; return what that cost."""
        peak, looked = 0, 0.0
        while not self._has_zone(query):
            if time.monotonic() - looked > MEMORY_S:
                peak = max(peak, procs.memory(self.pids()).pss)
                looked = time.monotonic()
            if time.monotonic() - self._started > limit:
                raise ServerError(f"{self.peer.name} gave no right answer within {limit:g} s")
            time.sleep(POLL_S)
        seconds = time.monotonic() - self._started
        pids = self.pids()
        return Loaded(seconds, procs.cpu_seconds(pids), max(peak, procs.memory(pids).pss))

    def _has_zone(self, query: Query) -> bool:
        self.check_alive()
        try:
            response = verify.ask(self.setup.port, query, timeout=ASK_S)
        except verify.NoAnswer:
            return False
        return not (self.peer.answers and verify.fault_in(response, query))

    def check_alive(self) -> None:
        """Raise ServerError if the server's first process has ended."""
        if self._process.poll() is not None:
            raise ServerError(
                f"{self.peer.name} exited with {self._process.returncode}: {self.output()}"
            )

    @property
    def pid(self) -> int:
        """The first process of the server: the one that takes signals."""
        return self._process.pid

    def pids(self) -> list[int]:
        """Return the processes of the server that are alive now."""
        return procs.tree(self._process.pid)

    def output(self) -> str:
        """Return the end of what the server has printed."""
        text = (self.setup.directory / "output.log").read_text(errors="replace").strip()
        return text[-500:] or "it printed nothing"

    def stop(self) -> None:
        """End the server and everything it started; SIGKILL what does not go."""
        with contextlib.ExitStack() as stack:
            handles = [stack.enter_context(_handle(pid)) for pid in self.pids()]
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
            for handle in handles:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
        self._process.wait()
        self._log.close()


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int]:
    """Hold ``pid`` by a descriptor, which no later process of that number can take over."""
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)
