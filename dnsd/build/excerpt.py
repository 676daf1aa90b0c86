"""A small part of a zone that is compiled and checked as the whole zone would be.

It has all records of some names, and whatever the answers and findings of these depend on: the
targets of their records, to the end of aliases; the names above each of these, with the wildcards
there. What else exists in the zone, and is empty itself, is stood for by a record below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import PatchError
from dnsd.versions._stored import store
from dnsd.versions.version import from_stored
from dnsd.wire import name as names
from dnsd.wire.rdata import CNAME, PTR, SOA, TXT, name_end, target

if TYPE_CHECKING:
    from collections.abc import Collection

    from dnsd.build.affected import Shape
    from dnsd.versions.version import ZoneVersion

MOST = 50_000
"""Names with which an excerpt is less work than the zone."""

_ASTERISK = ord("*")


def excerpt(shape: Shape, about: Collection[bytes]) -> ZoneVersion:
    """Return the part of the version ``shape`` is of that the names ``about`` depend on."""
    return _Excerpt(shape, shape).of(about)


def surroundings(shape: Shape, other: Shape, about: Collection[bytes]) -> ZoneVersion:
    """Return the part of the version with the names ``about`` and those above, with wildcards.

    It tells what queries for the names found. It differs from that of the ``other`` version, which
    has the same records of all other names, only as far as the versions do.
    """
    return _Excerpt(shape, other).around(about)


class _Excerpt:
    def __init__(self, shape: Shape, other: Shape) -> None:
        self._shape, self._other = shape, other
        self._octets: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()
        self._followed: set[bytes] = set()

    def of(self, about: Collection[bytes]) -> ZoneVersion:
        self._take(self._shape.apex)
        for name in about:
            self._take(name)
            self._reach_from(name)
        return self._version()

    def around(self, about: Collection[bytes]) -> ZoneVersion:
        for name in (self._shape.apex, *about):
            self._take(name)
        return self._version()

    def _version(self) -> ZoneVersion:
        octets = b"".join(
            self._octets[name] for name in sorted(self._octets, key=names.canonical_key)
        )
        return from_stored(self._shape.apex, octets)

    def _is_inside(self, name: bytes) -> bool:
        return names.is_subdomain(name, self._shape.apex)

    def _reach_from(self, name: bytes) -> None:
        """Take what the records of ``name`` lead to."""
        for one in self._shape.records(name):
            if one.rtype == SOA:
                self._reach(one.rdata[: name_end(one.rdata, 0)])
            elif one.rtype == CNAME:
                self._follow(one.rdata)
            elif one.rtype != PTR and (leads_to := target(one.rtype, one.rdata)):
                self._reach(leads_to)

    def _reach(self, name: bytes) -> None:
        """Take what a look at the target ``name`` finds."""
        name = names.lower(name)
        if self._is_inside(name):
            self._take(name)

    def _follow(self, name: bytes) -> None:
        """Take what an alias that leads to ``name`` is answered with, to its end."""
        name = names.lower(name)
        if not self._is_inside(name) or name in self._followed:
            return
        self._followed.add(name)
        self._take(name)
        self._reach_from(self._shape.cut_of(name) or self._source(name))

    def _source(self, name: bytes) -> bytes:
        """Return the name that answers for ``name``: itself, or the wildcard that may."""
        if self._shape.exists(name) or name == self._shape.apex:
            return name
        while name != self._shape.apex:
            name = names.parent(name)
            if self._shape.exists(name):
                break
        return names.wildcard_of(name)

    def _take(self, name: bytes) -> None:
        """Take ``name``, what is above it, and the wildcards there."""
        for one in (*self._shape.above(name), self._shape.apex):
            if one in self._taken:
                return
            self._taken.add(one)
            self._add(one)
            self._add(names.wildcard_of(one))
        if len(self._octets) > MOST:
            raise PatchError("too much depends on what has changed")

    def _add(self, name: bytes) -> None:
        if len(name) > names.MAX_NAME:
            return
        found = self._shape.index.at(name)
        if found:
            self._octets[name] = found
        if found and self._other.index.at(name):
            return
        if self._shape.exists(name) and self._other.exists(name):
            below = self._free_below(name)
            self._octets[below] = store(below, TXT, 0, b"\x00")

    def _free_below(self, name: bytes) -> bytes:
        """Return a name below ``name`` that does not exist."""
        for octet in range(256 if len(name) + 2 <= names.MAX_NAME else 0):
            below = bytes((1, octet)) + name
            if not (octet == _ASTERISK or self._shape.exists(below) or self._other.exists(below)):
                return below
        raise PatchError("there is no room below an empty name")
