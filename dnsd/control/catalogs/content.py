"""What a catalog zone says (RFC 9432 §4): its members with their properties. Pure.

What is not understood is ignored, as the RFC wants it; what makes a catalog broken makes it
unusable as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.config import CatalogMember
from dnsd.errors import CatalogError
from dnsd.wire.name import is_subdomain, join, labels, lower, to_text
from dnsd.wire.rdata import PTR, TXT

if TYPE_CHECKING:
    from dnsd.versions.version import ZoneVersion

VERSION = "2"
"""The only version of the schema there is (§4.3.1)."""

_VERSION, _ZONES = b"\x07version", b"\x05zones"
_GROUP, _COO = b"group", b"coo"


class CatalogContent(NamedTuple):
    """The ``members`` of a catalog by their names (absolute, lower case)."""

    serial: int
    members: dict[str, CatalogMember]


def read(version: ZoneVersion) -> CatalogContent:
    """Return what the catalog ``version`` says; CatalogError if it is broken."""
    found = _Found(version)
    _check_version(found.versions)
    members: dict[str, CatalogMember] = {}
    for label, zones in found.zones.items():
        name = _only(zones, f"the node {_shown(label)} names")
        if name in members:
            first = members[name].label
            raise CatalogError(f"{name} is a member twice, at {first} and at {_shown(label)}")
        coo = ""
        if label in found.coo:
            coo = _only(found.coo[label], f"the property coo of {name} has")
        groups = tuple(sorted(found.groups.get(label, ())))
        members[name] = CatalogMember(_shown(label), groups, coo)
    return CatalogContent(version.serial, members)


class _Found:
    """The records of a catalog that mean something, by the labels of the nodes they belong to."""

    def __init__(self, version: ZoneVersion) -> None:
        self.versions: list[bytes] = []
        self.zones: dict[bytes, list[str]] = {}
        self.groups: dict[bytes, list[str]] = {}
        self.coo: dict[bytes, list[str]] = {}
        above = _VERSION + version.apex
        zones = _ZONES + version.apex
        for record in version:
            owner = lower(record.owner)
            if record.rtype == TXT and owner == above:
                self.versions.append(_text(record.rdata))
            elif owner.endswith(zones) and is_subdomain(owner, zones):
                self._take(labels(owner[: -len(zones)] + b"\0"), record.rtype, record.rdata)

    def _take(self, path: tuple[bytes, ...], rtype: int, rdata: bytes) -> None:
        if len(path) == 1 and rtype == PTR:
            self.zones.setdefault(path[0], []).append(to_text(lower(rdata)))
        elif len(path) != 2:
            return
        elif path[0] == _GROUP and rtype == TXT:
            group = _text(rdata).decode("utf-8", "backslashreplace")
            self.groups.setdefault(path[1], []).append(group)
        elif path[0] == _COO and rtype == PTR:
            self.coo.setdefault(path[1], []).append(to_text(lower(rdata)))


def _check_version(found: list[bytes]) -> None:
    if not found:
        raise CatalogError("it has no property version: it is no catalog, or an old one")
    if len(found) > 1:
        raise CatalogError(f"it has {len(found)} properties version; one is allowed")
    if found[0] != VERSION.encode():
        shown = found[0].decode("utf-8", "backslashreplace")
        raise CatalogError(f"it has the version {shown!r}; dnsd knows {VERSION!r}")


def _only(names: list[str], what: str) -> str:
    if len(names) != 1:
        raise CatalogError(f"{what} {len(names)} zones ({', '.join(sorted(names)[:4])}); not one")
    return names[0]


def _text(rdata: bytes) -> bytes:
    """Return the character-strings of a TXT record as one."""
    parts, at = [], 0
    while at < len(rdata):
        parts.append(rdata[at + 1 : at + 1 + rdata[at]])
        at += 1 + rdata[at]
    return b"".join(parts)


def _shown(label: bytes) -> str:
    return to_text(join((label,))).removesuffix(".")
