"""The listeners of a worker: where its TCP connections are accepted, and when that has to wait."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from dnsd.serve.turn import ACCEPT_PAUSE

if TYPE_CHECKING:
    import socket


class Acceptors:
    """Non-blocking sockets that listen, by descriptor; ``epoll`` watches them."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._sockets: dict[int, socket.socket] = {}
        self._paused_until: float | None = None

    def add(self, listener: socket.socket) -> None:
        """Watch ``listener``, too."""
        self._sockets[listener.fileno()] = listener
        self._epoll.register(listener, select.EPOLLIN)

    def get(self, fd: int) -> socket.socket | None:
        """Return the listener with the descriptor ``fd``, if there is one."""
        return self._sockets.get(fd)

    def first(self) -> socket.socket | None:
        """Return one of the listeners, if there are any."""
        return next(iter(self._sockets.values()), None)

    def close(self, listener: socket.socket) -> None:
        """Accept nothing more at ``listener``, and close it."""
        del self._sockets[listener.fileno()]
        listener.close()

    def leave(self) -> None:
        """Accept nothing more: another process has the listeners, and they stay open there."""
        for listener in self._sockets.values():
            # Closing it here does not end that the epoll watches it.
            self._epoll.unregister(listener)
            listener.close()
        self._sockets.clear()

    def pause(self, now: float) -> None:
        """Accept nothing for a while."""
        for listener in self._sockets:
            self._epoll.modify(listener, 0)
        self._paused_until = now + ACCEPT_PAUSE

    def go_on(self, now: float) -> None:
        """Accept again if the pause is over."""
        if self._paused_until is not None and now >= self._paused_until:
            self._paused_until = None
            for listener in self._sockets:
                self._epoll.modify(listener, select.EPOLLIN)
