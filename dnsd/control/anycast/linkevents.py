"""What the kernel tells when links or addresses change, so that nothing has to wait for a look.

Says only *that* something has changed: what there is, :mod:`vip` looks up. A message that is lost
for want of room is a change, too.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

_GROUPS = 1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""
_LARGEST = 65536
_MOST = 1000
"""Messages that are read in one turn; what is left wakes the loop again."""


class LinkEvents:
    """Listens to rtnetlink; :meth:`wait` ends when something has changed since the last one."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._sock: socket.socket | None = None

    def open(self) -> None:
        """Begin to listen, unless it does already; OSError if the kernel does not allow it."""
        if self._sock is not None:
            return
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        try:
            sock.bind((0, _GROUPS))
            asyncio.get_running_loop().add_reader(sock, self._on_readable)
        except BaseException:
            sock.close()
            raise
        self._sock = sock

    def close(self) -> None:
        """Stop listening."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None

    async def wait(self, seconds: float) -> None:
        """Return when something has changed, at the latest after ``seconds``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()

    def _on_readable(self) -> None:
        assert self._sock is not None
        self._changed.set()
        for _ in range(_MOST):
            try:
                self._sock.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: messages are lost, which is a change
