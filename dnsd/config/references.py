"""What a calculated check depends on: a pool or one member, as policies write them.

"db A"                  the pool db A of the same zone
"db A 192.0.2.1"        a member of it
"api A {address}"       the member with the address that is checked
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.config import origins
from dnsd.config.commandkinds import ADDRESS
from dnsd.config.members import read_member
from dnsd.config.netkinds import read_each

if TYPE_CHECKING:
    from pathlib import Path

MOST = 32
"""References of one check."""

SAME = f"{{{ADDRESS}}}"
"""The placeholder for the address of the checked member."""

_TYPES = ("A", "AAAA", "CNAME")


class Reference(NamedTuple):
    """A pool, or its member ``address`` if that is not empty.

    The name is absolute and in lower case once it is :meth:`completed`.
    """

    name: str
    type: str
    address: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.type} {self.address}".rstrip()

    def completed(self, origin: str) -> Reference:
        """Return it with a relative name completed by ``origin``; ValueError if it can't be."""
        name = origins.complete(self.name, origin)
        if not origins.is_within(name, origin):
            raise ValueError(f"{name} is not in the zone {origin}: its pools are in another policy")
        return self._replace(name=name)

    def of_member(self, address: str) -> Reference:
        """Return it for the check of ``address``."""
        return self._replace(address=address) if self.address == SAME else self


class References(msgspec.Struct, frozen=True):
    """A list of references in strings."""

    def read(self, value: object, _base: Path) -> tuple[Reference, ...]:
        """Return the references in their order."""
        found = read_each(value, 'a list of names in strings, such as ["db A 192.0.2.1"]', _read)
        if len(found) > MOST:
            raise ValueError(f"{len(found)} references; {MOST} are allowed")
        return found


def _read(text: str) -> Reference:
    parts = text.split()
    if len(parts) not in (2, 3) or parts[1].upper() not in _TYPES:
        raise ValueError(
            f"{text!r} is not a reference: write a name, A, AAAA or CNAME, and optionally a "
            f"member, such as "
            '"db A 192.0.2.1"'
        )
    name, rtype, *rest = parts
    owner = name if name == "@" else origins.normal(name)
    if name != "@" and not origins.is_absolute(name):
        owner = owner.removesuffix(".")
    address = rest[0] if rest else ""
    if address not in ("", SAME):
        address = read_member(address)
        if _type_of(address) != rtype.upper():
            raise ValueError(f"{text!r}: {address} cannot be a member of type {rtype.upper()}")
    return Reference(owner, rtype.upper(), address)


def _type_of(member: str) -> str:
    if member.endswith("."):
        return "CNAME"
    return "AAAA" if ":" in member else "A"
