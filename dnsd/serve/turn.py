"""How long a turn of a worker's loop may take: less than 5 ms, whatever the load.

Every part that may have much to do looks at the clock after each piece (a packet, a message, a
connection, an image), stops when its time is up, and continues with the rest in the next turn,
before anything new. So each part waits for one turn of each of the others.

A turn is longer than this only by the last piece that was begun, and never by more than one.
"""

from __future__ import annotations

UDP_S = 0.002
"""Seconds of one turn for UDP: shared by all sockets of the worker."""

ONE_SOCKET_S = 0.001
"""Seconds of one turn for one UDP socket, at most: longer ones save nothing more."""

TCP_S = 0.001
"""Seconds of one turn for the TCP connections that are ready."""

SWEEP_S = 0.0005
"""Seconds of one turn for the TCP connections whose time may be up."""

FOLLOW_S = 0.001
"""Seconds of one turn for new images, and for those that they replace."""

END_S = 0.001
"""Seconds of one turn for what is left to do before the worker ends."""

EVENTS = 8
"""TCP sockets served in one turn; with ``MESSAGES`` it bounds a turn to about one of UDP's.

If they are dear, the clock bounds it (the seconds above).
"""

MESSAGES = 8
"""Messages of one connection answered before the next one gets its turn."""

ACCEPTS = 16
"""TCP connections accepted at one listener in one turn."""

ACCEPT_PAUSE = 0.1
"""Seconds without accept() when the system has no descriptor or memory for a connection."""


def share(sockets: int) -> float:
    """Return the seconds of one turn for each of so many UDP sockets."""
    return min(ONE_SOCKET_S, UDP_S / max(1, sockets))
