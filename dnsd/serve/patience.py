"""For how long a client may be slow or silent: the limits of TCP that a clock enforces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.metrics.counters import INDEX

if TYPE_CHECKING:
    from dnsd.serve.connection import Connection
    from dnsd.serve.spec import TcpLimits

_UNREAD, _IDLE = INDEX["tcp_reset_unread"], INDEX["tcp_closed_idle"]
_SLOW = INDEX["tcp_closed_slow_message"]


def overdue(connection: Connection, now: float, limits: TcpLimits, idle: float) -> int | None:
    """Return the counter of the limit that ``connection`` has passed, if any.

    ``idle`` is for how many seconds a client may ask nothing.
    """
    if connection.waits_for_room:
        return _UNREAD if now - connection.moved > limits.stall else None
    if connection.begun is not None:
        return _SLOW if now - connection.begun > limits.message else None
    return _IDLE if now - connection.moved > idle else None
