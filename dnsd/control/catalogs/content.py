"""What a catalog zone says (RFC 9432 §4): its members with their properties. Pure.

Unknown properties are ignored, as the RFC wants; what makes a catalog broken makes all of it
unusable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.config import CatalogMember
from dnsd.errors import CatalogError
from dnsd.text import shortlist
from dnsd.wire.name import join, lower, to_text
from dnsd.wire.rdata import PTR, TXT

if TYPE_CHECKING:
    from dnsd.versions.version import ZoneVersion

VERSION = "2"
"""The only version of the schema that exists (§4.3.1)."""

_NAMED = 4
"""Zones that a sentence names."""

_VERSION, _ZONES = b"\x07version", b"\x05zones"
_GROUP, _COO = b"\x05group", b"\x03coo"


class CatalogContent(NamedTuple):
    """The ``members`` of a catalog by their names (absolute, lower case)."""

    serial: int
    members: dict[str, CatalogMember]


def read(version: ZoneVersion) -> CatalogContent:
    """Return what the catalog ``version`` says; CatalogError if it is broken."""
    found = _Found(version)
    _check_version(found.versions)
    members: dict[str, CatalogMember] = {}
    for octets, zones in found.zones.items():
        label, name = _shown(octets), zones[0]
        if len(zones) > 1:
            raise CatalogError(
                f"the node {label} names {len(zones)} zones ({_few(zones)}); one is allowed"
            )
        if name in members:
            first = members[name].label
            raise CatalogError(f"{name} is a member twice, at {first} and at {label}")
        coo = found.coo.get(octets, [""])
        if len(coo) > 1:
            raise CatalogError(f"the coo property of {name} names {len(coo)} zones ({_few(coo)})")
        groups = tuple(sorted(found.groups.get(octets, ())))
        members[name] = CatalogMember(label, groups, coo[0])
    return CatalogContent(version.serial, members)


class _Found:
    """The records of a catalog that have a meaning, by the labels of their nodes."""

    def __init__(self, version: ZoneVersion) -> None:
        self.versions: list[bytes] = []
        self.zones: dict[bytes, list[str]] = {}
        self.groups: dict[bytes, list[str]] = {}
        self.coo: dict[bytes, list[str]] = {}
        above, zones = _VERSION + version.apex, _ZONES + version.apex
        for owner, rtype, _, rdata in version:
            if rtype not in {PTR, TXT}:
                continue
            name = lower(owner)
            if name.endswith(zones):
                self._take(name[: -len(zones)], rtype, rdata)
            elif rtype == TXT and name == above:
                self.versions.append(_text(rdata))

    def _take(self, node: bytes, rtype: int, rdata: bytes) -> None:
        """Take a record; ``node`` are the labels of its owner below "zones", if complete."""
        label = _label(node)
        if label is not None:
            if rtype == PTR:
                self.zones.setdefault(label, []).append(to_text(lower(rdata)))
            return
        above = _label(node[1 + node[0] :]) if node else None
        if above is None:
            return
        if node.startswith(_GROUP) and rtype == TXT:
            group = _text(rdata).decode("utf-8", "backslashreplace")
            self.groups.setdefault(above, []).append(group)
        elif node.startswith(_COO) and rtype == PTR:
            self.coo.setdefault(above, []).append(to_text(lower(rdata)))


def _label(octets: bytes) -> bytes | None:
    """Return the label that ``octets`` are; None if they are not exactly one."""
    return octets[1:] if octets and octets[0] == len(octets) - 1 else None


def _check_version(found: list[bytes]) -> None:
    if not found:
        raise CatalogError("it has no version property: it is no catalog zone, or an old one")
    if len(found) > 1:
        raise CatalogError(f"it has {len(found)} version properties; one is allowed")
    if found[0] != VERSION.encode():
        shown = found[0].decode("utf-8", "backslashreplace")
        raise CatalogError(f"it has the version {shown!r}; dnsd knows {VERSION!r}")


def _few(names: list[str]) -> str:
    return ", ".join(shortlist(sorted(names), _NAMED))


def _text(rdata: bytes) -> bytes:
    """Return the character-strings of a TXT record as one."""
    parts, at = [], 0
    while at < len(rdata):
        parts.append(rdata[at + 1 : at + 1 + rdata[at]])
        at += 1 + rdata[at]
    return b"".join(parts)


def _shown(label: bytes) -> str:
    return to_text(join((label,))).removesuffix(".")
