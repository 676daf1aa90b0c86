"""The mnemonics of record types: usual ones from a table, the others from dnspython.

That takes longer to load than a small zone does, so it is only loaded for what is not in the table.
"""

from __future__ import annotations

from functools import lru_cache

from dnsd.wire.rdata import OPT
from dnsd.zone.fieldtable import TYPES

_MAX_MNEMONIC = 32
_META = frozenset((0, OPT, *range(128, 256)))
"""Types that are not data: reserved, OPT, and the Q and meta range (RFC 6895 §3.1)."""

_NAMES = {rtype: name for name, rtype in TYPES.items()}


def parse_type(text: str) -> int | None:
    """Return the number of the type ``text`` (``A``, ``TYPE65280``), None when there is none."""
    return _parse_type(text) if len(text) <= _MAX_MNEMONIC else None


@lru_cache(maxsize=1024)
def _parse_type(text: str) -> int | None:
    usual = TYPES.get(text.upper())
    if usual is not None:
        return usual
    from dnsd.zone import raretypes

    return raretypes.number_of(text)


@lru_cache(maxsize=1024)
def type_name(rtype: int) -> str:
    """Return the mnemonic of a type."""
    usual = _NAMES.get(rtype)
    if usual is not None:
        return usual
    from dnsd.zone import raretypes

    return raretypes.name_of(rtype)


def is_meta(rtype: int) -> bool:
    """Tell whether a type is one that no zone can hold."""
    return rtype in _META
