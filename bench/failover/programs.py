"""The programs of a cell: started in their namespaces, signalled, looked after.

A program is known by its name; what it writes is kept in ``NAME.out``. The namespaces' end is
the end of all that runs in them, so nothing here has to be stopped.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from bench import procs
from bench.lab import namespaces
from bench.lab.errors import LabError

if TYPE_CHECKING:
    import signal
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

PATIENCE_S = 30.0
LAST_LINES = 5


class Program(NamedTuple):
    """A program, and the namespace it runs in.

    ``moves``: it has a part in moving traffic away from what has failed.
    ``carries``: all that users ask passes through it.
    """

    name: str
    namespace: str
    command: tuple[str, ...]
    moves: bool = False
    carries: bool = False


class Programs:
    """All programs of one cell; their files are in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, Program] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, programs: Sequence[Program]) -> None:
        """Start programs, in this order."""
        for program in programs:
            self._known[program.name] = program
            self._running[program.name] = namespaces.start(
                program.namespace, program.command, self.output(program.name)
            )

    def restart(self, name: str) -> None:
        """Start a program again that was killed."""
        self.start([self._known[name]])

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program and to all that it has started."""
        for pid in procs.tree(self._running[name].pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self, name: str, number: signal.Signals) -> None:
        """Send a deadly signal and wait for the end."""
        self.send(name, number)
        self._running[name].wait(PATIENCE_S)

    def finish(self, name: str) -> None:
        """Have a program end by itself, with all that it has begun."""
        process = self._running.pop(name)
        process.terminate()
        process.wait(PATIENCE_S)

    def output(self, name: str) -> Path:
        """Return the file with what a program has written."""
        return self._directory / f"{name}.out"

    def check(self) -> None:
        """Raise LabError if a program has ended that nobody has ended."""
        for name, process in self._running.items():
            if (status := process.poll()) is not None:
                lines = self.output(name).read_text().splitlines()[-LAST_LINES:]
                raise LabError(f"{name} has ended with {status}: " + "\n".join(lines))

    def processes(self) -> dict[str, int]:
        """Return how many processes each program is at the moment."""
        return {name: len(procs.tree(one.pid)) for name, one in self._running.items()}

    def pids(self, name: str) -> list[int]:
        """Return the processes of a program."""
        return procs.tree(self._running[name].pid)

    def reap(self) -> None:
        """Take note that all have ended, as their parent must."""
        until = time.monotonic() + PATIENCE_S
        for process in self._running.values():
            process.wait(max(0.1, until - time.monotonic()))
