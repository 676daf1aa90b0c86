"""Standard error that never blocks its process.

A process that decides about a route, or answers, must not stop because its log is not read: a
full pipe, a stopped terminal and a hanging journal all block write(2). After :func:`detach`,
everything written to ``sys.stderr`` (lines, tracebacks, the handlers of ``logging``) goes into a
bounded queue, and a thread writes it to the descriptor. Lines that do not fit, or exceed the rate,
are dropped and counted; the count is written as soon as possible.

Knows nothing of what is written.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from dnsd.process.descriptors import write_all

if TYPE_CHECKING:
    from collections.abc import Callable

DESCRIPTOR = 2
MOST_LINES = 2000
"""Lines that may wait: more than a start with ten thousand broken zones writes at once."""
MOST_OCTETS = 1 << 20
"""Octets that may wait."""
LINES_PER_S = 100.0
"""Lines a second in the long run: a fault that repeats must not fill the disk of the journal."""
FLUSH_S = 0.5
"""Seconds that a process waits at its end for its last lines."""


class Outlet:
    """A queue of lines and the thread that writes them with ``write``; ``put`` never waits.

    ``write`` takes octets and may block for as long as it likes. ``clock`` gives seconds.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        dropped: Callable[[int], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._tell_dropped = dropped
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._octets = 0
        self._dropped = 0
        self._allowed = float(MOST_LINES)
        self._filled = clock()
        self._busy = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="stderr", daemon=True).start()

    def put(self, text: str) -> None:
        """Queue ``text``, or drop it."""
        octets = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if not self._has_room(len(octets)):
                self._dropped += 1
                return
            self._waiting.append(octets)
            self._octets += len(octets)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written, at most ``seconds``; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), seconds)

    def _has_room(self, octets: int) -> bool:
        now = self._clock()
        earned = (now - self._filled) * LINES_PER_S
        self._allowed, self._filled = min(float(MOST_LINES), self._allowed + earned), now
        if self._allowed < 1 or len(self._waiting) >= MOST_LINES:
            return False
        if self._octets + octets > MOST_OCTETS:
            return False
        self._allowed -= 1
        return True

    def _run(self) -> None:
        while True:
            octets = self._take()
            with suppress(OSError):  # no reader is left: the lines are lost, the process continues
                self._write(octets)

    def _take(self) -> bytes:
        """Wait for a line and return it, with a line about those that were dropped before it."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting)
            self._busy = True
            octets = self._waiting.popleft()
            self._octets -= len(octets)
            if not self._dropped:
                return octets
            dropped, self._dropped = self._dropped, 0
        return octets + self._tell_dropped(dropped).encode()


class LogStream(io.TextIOBase):
    """Replaces ``sys.stderr``: whole lines, and flushed text, go to ``outlet``."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, outlet: Outlet, descriptor: int) -> None:
        super().__init__()
        self._outlet = outlet
        self._descriptor = descriptor
        self._begun = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Queue the lines of ``text``; text after the last newline waits for more."""
        with self._lock:
            lines, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._outlet.put(lines + newline)
        return len(text)

    def flush(self) -> None:
        """Queue the incomplete line; do not wait."""
        with self._lock:
            begun, self._begun = self._begun, ""
        if begun:
            self._outlet.put(begun)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that the thread writes to."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)


_outlet: Outlet | None = None


def detach(dropped: Callable[[int], str]) -> None:
    """Let a thread write this process's standard error from now on.

    ``dropped`` returns the line, with a newline, that reports how many lines were dropped.
    """
    global _outlet  # noqa: PLW0603 -- a process has one standard error
    _outlet = Outlet(partial(write_all, DESCRIPTOR), dropped)
    sys.stderr = LogStream(_outlet, DESCRIPTOR)
    atexit.register(flush)


def flush(seconds: float = FLUSH_S) -> None:
    """Wait a moment for queued lines to be written, before the process ends."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    if _outlet is not None:
        _outlet.flush(seconds)
