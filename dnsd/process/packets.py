"""Sends whole messages, with descriptors, from one process to another, without blocking.

The master holds both ends of each pair, too. So the death of one process closes nothing: messages
wait for its successor, and if there is no room, sending fails at once.
"""

from __future__ import annotations

import os
import socket
from array import array

MOST_OCTETS = 1 << 17
"""The largest message: a DNS message of 64 KiB and what belongs to it."""
MOST_FDS = 1
"""Descriptors in one message, at most."""
QUEUE_OCTETS = 1 << 20
"""Octets that the kernel is asked to hold for each direction."""

_ANCILLARY = socket.CMSG_SPACE(MOST_FDS * array("i").itemsize)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a pair, to be inherited; OSError if the system refuses one."""
    both = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in both:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, QUEUE_OCTETS)
    return both


class Packets:
    """One end of a pair, whose descriptor is ``fd``."""

    def __init__(self, fd: int) -> None:
        self._sock = socket.socket(fileno=fd)
        self._sock.setblocking(False)
        self.is_over = False
        """Whether no more messages will come, because the other end is closed everywhere."""

    def fileno(self) -> int:
        """The descriptor that is readable when there is a message."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close this end in this process."""
        self._sock.close()

    def send(self, message: bytes, fd: int | None = None) -> bool:
        """Send ``message``, with a duplicate of the descriptor ``fd``; False if there is no room.

        OSError when it cannot be sent at all, because it is too large.
        """
        ancillary = []
        if fd is not None:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", (fd,)))]
        try:
            self._sock.sendmsg((message,), ancillary)
        except BlockingIOError:
            return False
        return True

    def receive(self) -> tuple[bytes, int | None] | None:
        """Return the next message, and its descriptor if it has one; None if there is no message.

        The caller must close the descriptor.
        """
        try:
            message, ancillary, flags, _ = self._sock.recvmsg(
                MOST_OCTETS, _ANCILLARY, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return None
        except ConnectionError:
            message, ancillary, flags = b"", [], 0
        self.is_over = not message
        fds = array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        if not message or flags & socket.MSG_TRUNC:
            for fd in fds:
                os.close(fd)
            return None
        return message, fds[0] if fds else None
