"""What hashed denial costs: how much of it a query may be made to pay for (RFC 9276).

A zone that asks for more is served, but its negative answers do not prove anything. They carry
one of its NSEC3 records, and from that validators see the iterations: those that check fewer,
as all do, treat the answer as insecure (RFC 9276 §3.2), as they would treat a whole proof.
"""

from __future__ import annotations

MOST_BLOCKS = 150
"""SHA-1 blocks beyond the first that the hash of a name may take.

No validator known checks more than 150 iterations. So many cost a query some five times what it
costs otherwise; with a salt of more than 35 octets an iteration takes two blocks or more.
"""

_BLOCK = 64
_HASH = 20
_END = 9


def is_affordable(iterations: int, salt: int) -> bool:
    """Tell whether queries can pay for so many iterations with so many octets of salt."""
    return iterations * -(-(_HASH + salt + _END) // _BLOCK) <= MOST_BLOCKS
