"""Members of pools, as text and as rdata: addresses, or targets of a CNAME.

An address is written as :mod:`ipaddress` does, a name absolute and in lower case: no text is both.
"""

from __future__ import annotations

from ipaddress import ip_address

from dnsd.wire import name as names
from dnsd.wire.rdata import CNAME, A


def is_name(member: str) -> bool:
    """Return whether ``member`` is a name, not an address."""
    return member.endswith(".")


def packed(member: str) -> bytes:
    """Return ``member`` as the rdata of a record."""
    return names.from_text(member) if is_name(member) else ip_address(member).packed


def shown(rtype: int, rdata: bytes) -> str:
    """Return the member in the rdata of a record of ``rtype``."""
    if rtype == CNAME:
        return names.to_text(names.lower(rdata))
    if rtype == A:
        return ".".join(map(str, rdata))
    return str(ip_address(rdata))
