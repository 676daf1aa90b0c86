"""Looks up in images on disk what zones have.

A zone with a listing is looked up in that. Without one, the image itself is asked: about a name by
a query, as a client would; about an address by a search of its answers. This takes time: call it in
threads.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.build import images
from dnsd.caches import listing
from dnsd.caches.changes import CachedFor, KnownZone, held_after
from dnsd.caches.version import ANY, Version, VersionKind, everything, rrset
from dnsd.errors import ImageError
from dnsd.image.addresses import ttls_of
from dnsd.image.journal import SUFFIX
from dnsd.wire import name as names
from dnsd.wire.member import is_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dnsd.caches.listing import Contents
    from dnsd.caches.version import CacheQuestion
    from dnsd.image import store
    from dnsd.image.stock import Stock

_NOBODY = "127.0.0.1"


class Shelved(NamedTuple):
    """A zone that is served: its image file, and what is known about it."""

    image: str
    contents: Contents


class Shelf:
    """The images in ``stock``."""

    def __init__(self, stock: Stock) -> None:
        self._stock = stock

    def known(self, apex: str, image: str) -> KnownZone:
        """Return the facts about ``image``; ImageError if it cannot be read."""
        meta = images.read_meta(self._stock, image)
        return _known(apex, meta)

    def is_used(self) -> bool:
        """Return whether there are any images."""
        return any(name.endswith(SUFFIX) for name in self._stock.files())

    def by_stem(self) -> dict[str, list[str]]:
        """Return the images, by the stem of the zone's file names."""
        return images.by_stem(self._stock)

    def find(self, apex: str, digest: str, names: Mapping[str, list[str]]) -> KnownZone | None:
        """Return the zone with this digest, if one of the images ``names`` (by stem) is its."""
        for name in names.get(images.stem(apex), ()):
            with suppress(ImageError):
                meta = images.read_meta(self._stock, name)
                if meta.contents.digest == digest:
                    return _known(apex, meta)
        return None

    def differences(self, apex: str, old: Shelved, new: Shelved | None) -> tuple[CachedFor, ...]:
        """Return what caches may hold of ``old`` that ``new`` does not give out (None: no zone)."""
        if new is not None and new.contents == old.contents:
            return ()
        try:
            meta = None if new is None else images.read_meta(self._stock, new.image)
            if (known := _changed(apex, old.contents, meta)) is not None:
                return held_after(*known)
            before = self.known(apex, old.image)
            after = None if meta is None else _known(apex, meta)
        except ImageError:
            return (CachedFor(everything(apex), old.contents.ttl),)
        return held_after(before, after)

    def held_since(
        self, version: Version, zone: Shelved | None, names: Mapping[str, list[str]]
    ) -> tuple[CachedFor, ...] | None:
        """Return what caches may hold of a zone that was ``version``, and is ``zone`` now.

        None if that is unknown: none of the images ``names`` (by stem) is its, or none has a
        listing.
        """
        old = self.find(version.owner, version.digest, names)
        if version.kind != VersionKind.EVERYTHING or old is None or old.listing is None:
            return None
        try:
            new = None if zone is None else self.known(version.owner, zone.image)
        except ImageError:
            return None
        return held_after(old, new)

    def served(self, apex: str, zone: Shelved, question: CacheQuestion) -> dict[Version, int]:
        """Return what of a zone the question is about, with the TTLs."""
        if not question.target and not _could_hold(apex, question.name):
            return {}
        found: dict[Version, int] = {}
        # An image that is gone is one that has just been replaced: what was in it is noted.
        with suppress(ImageError):
            for version, ttl in self._served(apex, zone, question):
                if question.concerns(version):
                    found[version] = max(ttl, found.get(version, 0))
        return found

    def _served(
        self, apex: str, zone: Shelved, question: CacheQuestion
    ) -> Iterator[tuple[Version, int]]:
        if zone.contents.listed:
            yield from _listed(self._stock.meta(zone.image), question)
            return
        image = self._stock.open(zone.image)
        try:
            if is_name(question.target):
                if zone.contents.may_lead_to(question.target):
                    whole = Version(VersionKind.RRSET, apex, ANY, targets=(question.target,))
                    yield whole, zone.contents.ttl
            elif question.target:
                yield from _leading_to(image, apex, question.target)
            else:
                yield from _answered(image, question)
        finally:
            image.close()


def _known(apex: str, meta: images.Meta) -> KnownZone:
    pools = frozenset((pool.policy.name, pool.policy.type) for pool in meta.pools)
    return KnownZone(apex, meta.contents, listing.decode(bytes(meta.listing)), pools)


def _changed(
    apex: str, old: Contents, new: images.Meta | None
) -> tuple[KnownZone, KnownZone] | None:
    """Return what has changed from ``old`` to ``new``, if that was made of it; else None."""
    if new is None or new.since is None or new.since.digest != old.digest:
        return None
    before, after = (listing.decode(bytes(raw)) for raw in (new.since.before, new.since.after))
    return KnownZone(apex, old, before), KnownZone(apex, new.contents, after)


def _could_hold(apex: str, name: str) -> bool:
    return names.is_subdomain(names.from_text(name), names.from_text(apex))


def _listed(meta: bytes, question: CacheQuestion) -> Iterator[tuple[Version, int]]:
    is_address = question.target and not is_name(question.target)
    if is_address and f'"{question.target}"'.encode() not in meta:
        return  # nearly always, and it takes no time to see that
    found = listing.decode(bytes(msgspec.json.decode(meta, type=images.Meta).listing))
    for one in found or ():
        if is_address and question.target not in one.targets:
            continue
        if question.concerns(version := one.version):
            yield version, one.ttl


def _leading_to(image: store.Image, apex: str, target: str) -> Iterator[tuple[Version, int]]:
    """Yield versions that stand for all RRsets with an address, of a zone without a listing."""
    for ttl in ttls_of(image, ip_address(target).packed):
        yield Version(VersionKind.RRSET, apex, ANY, targets=(target,)), ttl


def _answered(image: store.Image, question: CacheQuestion) -> Iterator[tuple[Version, int]]:
    """Yield what a query for the name gets, as far as it is about that name."""
    import dns.exception
    import dns.message
    import dns.rdatatype

    from dnsd import hotpath
    from dnsd.metrics import counters

    try:
        query = dns.message.make_query(question.name, question.type)
    except (dns.exception.DNSException, ValueError):
        return  # no type that a zone could have
    path = hotpath.make(hotpath.Settings(), counters.fresh())
    path.put_zone(image.apex, image)
    client = hotpath.Client(hotpath.Transport.TCP, _NOBODY)
    response = path.answer(query.to_wire(), 0.0, client)
    path.drop_zone(image.apex)
    assert response is not None, "a query that dnspython made is always answered"
    for found in dns.message.from_wire(response).answer:
        version = rrset(
            found.name.to_text(),
            dns.rdatatype.to_text(found.rdtype),
            [rdata.to_wire() or b"" for rdata in found],
        )
        if question.concerns(version):
            yield version, found.ttl
