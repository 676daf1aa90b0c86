"""Limits on the cost of NSEC3 hashing that a query may cause (RFC 9276).

A zone with more iterations than validators check is served, but its negative answers do not
prove anything. They carry one of its NSEC3 records, and from that validators see the iterations:
they treat the answer as insecure (RFC 9276 §3.2), as they would treat a whole proof.

Validators look at the iterations only. A zone with fewer of them whose salt makes each one dear
has to prove, or its negative answers would be bogus; so one that is too dear is refused.
"""

from __future__ import annotations

MOST_ITERATIONS = 150
"""No validator known checks more: Unbound and BIND 9.18 end here, others at 50 or 100."""

MOST_BLOCKS = 150
"""SHA-1 blocks beyond the first that the hash of a name may take.

So many cost a query some five times what it costs otherwise; with a salt of more than 35 octets
an iteration takes two blocks or more.
"""

_BLOCK = 64
_HASH = 20
_END = 9


def is_proven(iterations: int) -> bool:
    """Tell whether a zone with so many iterations proves what does not exist."""
    return iterations <= MOST_ITERATIONS


def is_affordable(iterations: int, salt: int) -> bool:
    """Tell whether this many iterations, with this many octets of salt, are cheap enough."""
    return iterations * -(-(_HASH + salt + _END) // _BLOCK) <= MOST_BLOCKS
