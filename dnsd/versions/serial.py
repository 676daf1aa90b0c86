"""Serial number arithmetic (RFC 1982): which one is newer, and which comes next."""

from __future__ import annotations

MODULUS = 1 << 32
_HALF = 1 << 31


def is_newer(one: int, other: int) -> bool:
    """Tell whether ``one`` comes after ``other``.

    Of two that are exactly half the circle apart neither does (RFC 1982 §3.2).
    """
    return 0 < (one - other) % MODULUS < _HALF


def following(serial: int) -> int:
    """Return the next serial; never 0, which some servers take for none."""
    return (serial + 1) % MODULUS or 1
