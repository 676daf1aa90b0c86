"""One running program: started in a directory, told signals, ended with all that it started.

Knows processes only; what the program is for is its starter's affair.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Self

from bench import procs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

STOP_S = 10.0
POLL_S = 0.02


class Ended(Exception):
    """A program ended, or did not come up in time; the text says what it printed last."""


class Running:
    """A program, from start to stop. Use as a context manager."""

    def __init__(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._name = command[0].rpartition("/")[2]
        self._log = directory / "output.log"
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=os.environ | (environment or {}),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def pids(self) -> list[int]:
        """Return the processes of the program that are alive now."""
        return procs.tree(self._process.pid)

    def output(self) -> str:
        """Return the end of what the program has printed."""
        text = self._log.read_text(errors="replace").strip()
        return text[-500:] or "it printed nothing"

    def wait(self, ready: Callable[[], bool], limit: float) -> None:
        """Wait until ``ready``; Ended when the program ends before, or after ``limit`` seconds."""
        until = time.monotonic() + limit
        while not ready():
            if (status := self._process.poll()) is not None:
                raise Ended(f"{self._name} exited with {status}: {self.output()}")
            if time.monotonic() > until:
                raise Ended(f"{self._name} was not ready within {limit:g} s: {self.output()}")
            time.sleep(POLL_S)

    def finish(self, limit: float) -> None:
        """Wait until the program ends well; Ended when it fails, or after ``limit`` seconds."""
        try:
            status = self._process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Ended(f"{self._name} still runs after {limit:g} s: {self.output()}") from None
        if status:
            raise Ended(f"{self._name} exited with {status}: {self.output()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, the first one first."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """End the program and everything it started; SIGKILL what does not go."""
        with contextlib.ExitStack() as stack:
            handles = [handle for pid in self.pids() for handle in _handles(stack, pid)]
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
            for handle in handles:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
        self._process.wait()


def _handles(stack: contextlib.ExitStack, pid: int) -> Iterator[int]:
    """Hold ``pid`` by a descriptor, which no later process of that number can take over."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        stack.callback(os.close, handle)
        yield handle
