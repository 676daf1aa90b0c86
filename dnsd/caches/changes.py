"""What caches may still hold after a zone has changed, and for how long from then.

Only differences count: an RRset that is still served, with no smaller TTL, needs no bound.
Pure: two listings in, versions and seconds out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.caches.version import ANY, Version, everything, nothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.caches.listing import Contents, GivenRRset, Listing

_REPLACED = ("CNAME", "DNAME", "NS")
"""Types below or beside which other answers were given before they came."""


class KnownZone(NamedTuple):
    """A zone as far as it is known; ``listing`` is None for no zone.

    ``pools`` are the RRsets that are pools, by owner and type.
    """

    apex: str
    contents: Contents
    listing: Listing | None
    pools: frozenset[tuple[str, str]] = frozenset()


class CachedFor(NamedTuple):
    """What caches may hold for ``ttl`` seconds from the last answer on."""

    version: Version
    ttl: int


def held_after(old: KnownZone, new: KnownZone | None) -> tuple[CachedFor, ...]:
    """Return what caches may hold of ``old`` that ``new`` does not give out (None: no zone)."""
    if new is not None and old.contents == new.contents:
        return ()
    if old.listing is None:
        return (CachedFor(everything(old.apex), old.contents.ttl),)
    after = {} if new is None or new.listing is None else _by_version(new.listing)
    gone = [
        CachedFor(version, ttl)
        for version, ttl in _by_version(old.listing).items()
        if after.get(version, -1) < ttl
    ]
    if new is None:
        return tuple(gone)
    if new.listing is None:
        return (*gone, CachedFor(everything(old.apex), old.contents.negative))
    return (*gone, *_denied(old, old.listing, new.listing))


def _by_version(listing: Listing) -> dict[Version, int]:
    return {one.version: one.ttl for one in listing}


def _denied(old: KnownZone, before: Listing, after: Listing) -> Iterator[CachedFor]:
    """Yield what was said of names and types that were not there: that, or a wildcard's records."""
    shape = _Shape(old.apex, before)
    negative = old.contents.negative
    for one in after:
        if one.type in shape.types.get(one.owner, ()) or (one.owner, one.type) in old.pools:
            continue
        yield CachedFor(nothing(one.owner, one.type), negative)
        if one.type in _REPLACED and one.owner != old.apex:
            yield CachedFor(nothing(one.owner, ANY), negative)
            yield CachedFor(nothing(f"*.{one.owner}", ANY), negative)
    for name in sorted(_existing(old.apex, after) - shape.names):
        for wild in shape.wildcard_for(name):
            version = wild.version
            yield CachedFor(msgspec.structs.replace(version, owner=name), wild.ttl)
            yield CachedFor(msgspec.structs.replace(version, owner=f"*.{name}"), wild.ttl)


class _Shape:
    """Which names and types a listing has."""

    def __init__(self, apex: str, listing: Listing) -> None:
        self._apex = apex
        self.names = _existing(apex, listing)
        self.types: dict[str, set[str]] = {}
        self._wild: dict[str, list[GivenRRset]] = {}
        for one in listing:
            self.types.setdefault(one.owner, set()).add(one.type)
            if one.owner.startswith("*."):
                self._wild.setdefault(one.owner, []).append(one)

    def wildcard_for(self, name: str) -> list[GivenRRset]:
        """Return the records that answered for ``name``, which was not there (RFC 4592 §3.3.1)."""
        while name not in self.names and name != self._apex:
            name = _parent(name)
        return self._wild.get(f"*.{name}" if name != "." else "*.", [])


def _existing(apex: str, listing: Listing) -> set[str]:
    """Return all owners, and the empty non-terminals above them."""
    found = {apex}
    for one in listing:
        name = one.owner
        while name not in found:
            found.add(name)
            name = _parent(name)
    return found


def _parent(name: str) -> str:
    """Return ``name``, in presentation form, without its first label."""
    at = 0
    while name[at] != ".":
        at += 2 if name[at] == "\\" else 1  # an escape by number goes on with plain digits
    return name[at + 1 :] or "."
