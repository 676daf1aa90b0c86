"""Members of pools as users write them: addresses, or targets of a CNAME.

A name has a final dot wherever a zone could complete it. Knows only the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dnsd.config import origins
from dnsd.config.kinds import wanted
from dnsd.config.netkinds import read_address, read_each

if TYPE_CHECKING:
    from pathlib import Path


def read_member(text: str) -> str:
    """Return the address or the absolute name ``text`` in its usual form (ValueError)."""
    if origins.is_absolute(text):
        return origins.normal(text)
    if "%" in text:
        raise ValueError(f"{text!r} has a zone index, which no record can have")
    try:
        return str(read_address(text))
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an IP address nor a name with a dot at its end, "
            'such as "cdn.example.net."'
        ) from None


def read_spoken(text: str) -> str:
    """Return a member as :func:`read_member` does; the final dot of a name may be missing.

    ValueError for a text that looks like an address with an error.
    """
    last = text.rstrip(".").rpartition(".")[2]
    if last.isdigit() or not last or {":", "/", " "} & {*text}:
        return read_member(text)
    return origins.normal(text)


class NameList(msgspec.Struct, frozen=True):
    """A list of absolute names."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the names in their order."""
        found = read_each(value, "a list of names in strings", _name)
        if not found:
            raise ValueError('needs at least one name, such as "cdn.example.net."')
        return found


class TargetName(msgspec.Struct, frozen=True):
    """An absolute name."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name in its usual form."""
        if not isinstance(value, str):
            raise wanted("a name in a string", value)
        return _name(value)


class CheckAddresses(msgspec.Struct, frozen=True):
    """A table of absolute names, each with an IP address."""

    def read(self, value: object, _base: Path) -> dict[str, str]:
        """Return the addresses by name."""
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise wanted('a table, such as { "cdn.example.net." = "192.0.2.7" }', value)
        found: dict[str, str] = {}
        for text, address in value.items():
            name = _name(text)
            if name in found:
                raise ValueError(f"{name} is listed twice")
            found[name] = str(read_address(address))
        return found


def _name(text: str) -> str:
    if not origins.is_absolute(text):
        raise ValueError(
            f"{text!r} is not an absolute name: write it in full, with a dot at its end, "
            'such as "cdn.example.net."'
        )
    return origins.normal(text)
