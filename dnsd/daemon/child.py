"""One process of the node as the master sees it: started, fed with its spec, watched, ended.

It is executed afresh, so it shares only the state vector with the master. The pipe to its
standard input stays open: when it closes, the master has ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from dnsd.daemon.pulse import Backoff
from dnsd.process import spawn

if TYPE_CHECKING:
    from collections.abc import Callable


class Opening(NamedTuple):
    """What a process gets at its first start in place of ``spec``, and inherits besides.

    The process is held (see :func:`dnsd.process.instructions.wait_for_word`). No later start gets
    this.
    """

    spec: bytes
    fds: tuple[int, ...]


class Child:
    """A process running ``main`` of ``module``; ``spec`` is the line with its instructions.

    It inherits the descriptors ``fds`` and no others. ``reset`` clears what an earlier process has
    left. ``process`` is not None while it runs. ``opening`` is for a process that is held.
    """

    def __init__(
        self,
        name: str,
        module: str,
        spec: bytes,
        fds: tuple[int, ...],
        reset: Callable[[], None],
        opening: Opening | None = None,
    ) -> None:
        self._opening = opening
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.ends = 0
        self.due = 0.0
        self._module = module
        self._spec = spec
        self._fds = fds
        self._reset = reset
        self._backoff = Backoff()
        self._started = 0.0
        self._unsent = b""

    def start(self, now: float) -> None:
        """Start the process; OSError if the system refuses for now.

        Then it is due again later.
        """
        self._reset()
        self._started = now
        spec, own = self._opening or (self._spec, ())
        self._opening = None
        # A reload may be ordered before control handles the signal: it stays blocked until then.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            process = subprocess.Popen(
                spawn.command(self._module),
                stdin=subprocess.PIPE,
                pass_fds=(*self._fds, *own),
                env=spawn.environment(),
                process_group=0,  # Ctrl-C in a terminal is meant for the master
                bufsize=0,
            )
        except OSError:
            self.due = now + self._backoff.pause(0.0)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for fd in own:
                os.close(fd)
        self._take(process, now)
        self._unsent = spec
        self.feed()

    def _take(self, process: subprocess.Popen[bytes], now: float) -> None:
        """Hold the process that has been started, or end it if it cannot be watched."""
        assert process.stdin
        try:
            self.pidfd = os.pidfd_open(process.pid)
        except OSError:
            process.kill()
            process.stdin.close()
            process.wait()
            self.due = now + self._backoff.pause(0.0)
            raise
        os.set_blocking(process.stdin.fileno(), False)
        self.process = process

    def feed(self) -> None:
        """Send as much of the spec as the process takes."""
        if self.process is None or not self._unsent:
            return
        assert self.process.stdin
        with suppress(OSError):  # it has died: its pidfd will report that
            sent = self.process.stdin.write(self._unsent)
            self._unsent = self._unsent[sent or 0 :]

    def release(self) -> None:
        """Tell the held process to begin."""
        self._unsent += b"\n"
        self.feed()

    @property
    def pid(self) -> int:
        """The number of the process, 0 if it does not run."""
        return self.process.pid if self.process else 0

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal, if it runs."""
        if self.process is not None:
            self.process.send_signal(number)

    def ended(self, now: float) -> str:
        """Note that the process has ended; return how, as the rest of a sentence."""
        assert self.process
        assert self.process.stdin
        status = self.process.wait()
        self.process.stdin.close()
        os.close(self.pidfd)
        self.process, self.pidfd = None, -1
        self.ends += 1
        self.due = now + self._backoff.pause(now - self._started)
        self._reset()
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"
