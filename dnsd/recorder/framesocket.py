"""A unix socket whose other end reads Frame Streams; a lost connection is opened again."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dnsd.recorder.frames import DNSTAP, Control, check, control, length_of

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 5.0
"""Seconds that a reader may take for what is sent, before it counts as gone."""
FINISHES_S = 1.0
"""Seconds to wait at the end for its word that it has everything."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class FrameSocket:
    """Sends frames to the process that listens at ``path``. ``clock`` gives seconds."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._sock: socket.socket | None = None
        self._pause = FIRST_PAUSE_S
        self._not_before = 0.0
        self._why = ""

    def write(self, octets: bytes) -> None:
        """Send whole frames; OSError if no process takes them: it is tried again after a pause."""
        if self._sock is None:
            if self._clock() < self._not_before:
                raise OSError(0, self._why, self._path)
            self._connect()
        assert self._sock
        try:
            self._sock.sendall(octets)
        except OSError as error:
            self._give_up(error)
            raise

    def look(self) -> None:
        """A reader that has gone is found out when something is sent."""

    def close(self) -> None:
        """Tell the reader that this was all, and wait a moment for its word."""
        if self._sock is None:
            return
        with self._sock as sock, suppress(OSError, ValueError):
            sock.settimeout(FINISHES_S)
            sock.sendall(control(Control.STOP))
            _expect(sock, Control.FINISH)
        self._sock = None

    def _connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock = sock
        try:
            sock.settimeout(PATIENCE_S)
            sock.connect(self._path)
            sock.sendall(control(Control.READY, DNSTAP))
            _expect(sock, Control.ACCEPT, DNSTAP)
            sock.sendall(control(Control.START, DNSTAP))
        except (OSError, ValueError) as error:
            self._give_up(error)
            raise OSError(0, self._why, self._path) from error
        self._pause = FIRST_PAUSE_S

    def _give_up(self, error: OSError | ValueError) -> None:
        assert self._sock
        self._sock.close()
        self._sock = None
        self._why = (isinstance(error, OSError) and error.strerror) or str(error)
        self._not_before = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S)


def _expect(sock: socket.socket, wanted: Control, content: bytes = b"") -> None:
    check(_received(sock, length_of(_received(sock, 8))), wanted, content)


def _received(sock: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        found = sock.recv(count - len(octets))
        if not found:
            raise OSError(0, "it has closed the connection")
        octets += found
    return octets
