"""Brief connections: one query, one answer, closed. The native module serves them by itself.

It stands before :class:`dnsd.serve.tcp.TcpServer`, and asks their epoll what is ready; with the
Python hot path nothing does, and all connections are that server's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dnsd import hotpath
from dnsd.serve.turn import EVENTS

try:
    from dnsd.serve._brief import BriefConnections
except ImportError:  # not built: there is no native hot path then, either
    BriefConnections = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    import select
    from collections.abc import Callable

    from dnsd.hotpath.api import HotPath
    from dnsd.metrics.counters import Counters
    from dnsd.serve.quota import Quota
    from dnsd.wire.handed import HandedStream

BRIEF_S = 1.0
"""A connection is brief for so long: less than each limit that only the server knows."""


class Brief(Protocol):
    """What serves connections as long as they are simple."""

    @property
    def count(self) -> int:
        """How many connections it has."""
        ...

    def listen(self, fd: int) -> None:
        """Accept connections at the listener ``fd``, too, which the epoll watches."""
        ...

    def poll(self, until: float, descriptors: int) -> list[int]:
        """Serve what is ready, and return the descriptors that the server has to serve.

        These are connections of the server's; its own that are not simple any more (see
        :meth:`has`); and listeners at which a limit stands against accepting. A connection gets a
        descriptor below ``descriptors``. At ``until`` it leaves the rest to the next call.
        """
        ...

    def stop(self) -> None:
        """Accept nothing more; the listeners are the server's alone."""
        ...

    def has(self, fd: int) -> bool:
        """Whether the connection ``fd`` is its own."""
        ...

    def eldest(self, moved: float) -> int:
        """Return the connection that has been idle longest, if nothing came after ``moved``.

        Its descriptor; -1 if there is none.
        """
        ...

    def release(self, fd: int) -> HandedStream | None:
        """Let go of the connection ``fd``, and return what another needs to go on with it.

        None: no limit has let it in yet.
        """
        ...


class _NotBrief:
    """No connection is brief."""

    count = 0

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll

    def listen(self, fd: int) -> None:
        pass

    def poll(self, until: float, descriptors: int) -> list[int]:  # noqa: ARG002
        return [fd for fd, _events in self._epoll.poll(0, EVENTS)]

    def stop(self) -> None:
        pass

    def has(self, fd: int) -> bool:  # noqa: ARG002
        return False

    def eldest(self, moved: float) -> int:  # noqa: ARG002
        return -1

    def release(self, fd: int) -> HandedStream | None:
        raise AssertionError(fd)


def make(
    epoll: select.epoll,
    hot: HotPath,
    counters: Counters,
    quota: Quota,
    clock: Callable[[], float] | None,
) -> Brief:
    """Return what serves the brief connections of ``epoll``; ``clock`` None is the kernel's."""
    if BriefConnections is None or hotpath.implementation() != "native":
        return _NotBrief(epoll)
    return BriefConnections(epoll.fileno(), hot, counters, quota, clock)
