"""How long an answer may travel: from when it is composed, and noted, until a cache has it.

A cache keeps an answer for its TTL from its arrival on. So an answer that the notes end at
``composed + TTL`` may live longer, by its longest way. Each part of that way has a constant here,
and is enforced where that is used; the horizon's margin is the sum.

    UDP   composed ──SENT_WITHIN_S──→ looked ──STOPPED_S──→ kernel ──NEIGHBOUR_S──→ wire
          ──TRAVEL_S──→ cache
    TCP   composed ──DELIVERED_WITHIN_S──→ acknowledged, or the connection is reset
          looked ──STOPPED_S──→ kernel
          worker stopped: its kernel goes on for USER_TIMEOUT_S, from the first loss on, which
          it notices within RETRANSMIT_S

Not covered: a machine that is suspended while a datagram is in its kernel, routers that hold a
packet for longer than TRAVEL_S, and clients that leave acknowledged data in their own buffers.
"""

from __future__ import annotations

SENT_WITHIN_S = 1.0
"""Workers drop a datagram that was composed earlier: a client that has waited so long asks again.

The clock is looked at directly before the system call, so it holds for a worker that was stopped,
or starved, before that. It is the clock that goes on while the machine is suspended.
"""

STOPPED_S = 2.0
"""A worker may be stopped, or starved, for so long between that look and the system call.

Nothing bounds that; but such a worker does not beat. What may have left later is seen by that, and
counts from then on (:mod:`dnsd.control.horizon.leaving`).
"""

NEIGHBOUR_S = 3.0
"""The kernel's own: for so long a datagram may wait for the link-layer address of the next hop.

Three probes (net.ipv4.neigh.*.mcast_solicit) a second apart (retrans_time_ms), IPv6 alike.
"""

DELIVERED_WITHIN_S = 2.0
"""Workers reset a TCP connection whose peer has not acknowledged an answer after so long."""

USER_TIMEOUT_S = 2.0
"""TCP_USER_TIMEOUT: the kernel gives up a connection that makes no progress, though the worker
be stopped."""

RETRANSMIT_S = 1.0
"""The kernel's own: its first retransmission comes so late at most (RFC 6298 §2.1), and only
then does TCP_USER_TIMEOUT begin."""

TRAVEL_S = 1.0
"""Seconds through the network and into the cache."""

UDP_S = SENT_WITHIN_S + STOPPED_S + NEIGHBOUR_S + TRAVEL_S
TCP_S = DELIVERED_WITHIN_S + STOPPED_S + RETRANSMIT_S + USER_TIMEOUT_S + TRAVEL_S
"""An answer may be passed to the kernel as late as DELIVERED_WITHIN_S, and the worker be stopped
then."""

MARGIN_S = max(UDP_S, TCP_S)
"""Seconds that the horizon adds to every bound."""
