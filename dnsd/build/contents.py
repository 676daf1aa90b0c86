"""The RRsets of a zone as versions: listed when it is built, and kept in its image.

A zone of very many RRsets has no list, only a digest and the largest TTL. RRsets that are pools are
left out, because each of their answers is noted when it is given; so are signatures and proofs,
which no question is about.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from dnsd.caches.ledger import negative_ttl
from dnsd.caches.listing import NO_LISTING, WILDCARD, Contents, GivenRRset, decode
from dnsd.caches.version import canonical_name, digest_of, targets_of
from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.wire.member import is_name
from dnsd.zone.structure import Structure
from dnsd.zone.table import survey, table_of
from dnsd.zone.typenames import type_name

try:
    from dnsd.build import _listing as native
except ImportError:
    native = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dnsd.zone.records import RRset, Zone

MOST_LISTED = 20_000
"""RRsets up to which a zone has a list: some 1.5 MB of its image, and a tenth of its build."""

MOST_NAMES = 1000
"""Names up to which it is known to which ones a zone without a list leads."""

_PROOFS = frozenset((rr.RRSIG, rr.NSEC, rr.NSEC3))
_DIGEST_OCTETS = 8


def contents_of(
    zone: Zone,
    pools: Collection[tuple[bytes, int]],
    most: int = MOST_LISTED,
    sources: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> tuple[Contents, msgspec.Raw]:
    """Return what ``zone`` has, and its listing as JSON.

    ``pools`` are RRsets that are pools, by owner and type. ``sources`` are those that follow a
    name, by name and type: they lead to that name, too.
    """
    negative = _negative(zone)
    raw = NO_LISTING
    digest = os.urandom(_DIGEST_OCTETS).hex()
    if _count(zone) <= most:
        raw = _led(msgspec.Raw(_listing(zone, pools)), sources)
        digest = blake2b(
            bytes(raw) + negative.to_bytes(4, "big"), digest_size=_DIGEST_OCTETS
        ).hexdigest()
    contents = Contents(
        digest=digest,
        listed=raw is not NO_LISTING,
        ttl=max(_longest(zone), negative),
        negative=negative,
        names=None if raw is not NO_LISTING else _names_in(zone, pools, sources.values()),
    )
    return contents, raw


def _listing(zone: Zone, pools: Collection[tuple[bytes, int]]) -> bytes:
    """Return the listing of ``zone``; natively if its records are in a table."""
    if (table := table_of(zone)) is not None:
        return native.listing_of(table, pools)
    return msgspec.json.encode(sorted(_given(zone, pools)))


def _led(raw: msgspec.Raw, sources: Mapping[tuple[str, str], str]) -> msgspec.Raw:
    """Return the listing ``raw`` with the names that addresses come from among the targets."""
    if not sources:
        return raw
    known = {(canonical_name(owner), rtype): source for (owner, rtype), source in sources.items()}

    def led(one: GivenRRset) -> GivenRRset:
        source = known.get((one.owner, one.type))
        targets = one.targets if source is None else tuple(sorted({*one.targets, source}))
        return msgspec.structs.replace(one, targets=targets)

    return msgspec.Raw(msgspec.json.encode(sorted(map(led, decode(raw) or ()))))


def listed(zone: Zone) -> msgspec.Raw:
    """Return the listing of ``zone``, which has no pools, as JSON, whatever its size."""
    return msgspec.Raw(_listing(zone, ()))


def with_more(before: Contents, part: Contents) -> Contents:
    """Return the summary of a zone without list that was ``before``, and now has this ``part``.

    It counts what the zone had as well, so it bounds what caches may hold.
    """
    names = None
    if before.names is not None and part.names is not None:
        names = tuple(sorted({*before.names, *part.names}))
    return msgspec.structs.replace(
        part,
        ttl=max(before.ttl, part.ttl),
        names=names if names is not None and len(names) <= MOST_NAMES else None,
    )


def _count(zone: Zone) -> int:
    """Return how many RRsets there are, or a number not above that."""
    if (table := table_of(zone)) is not None:
        return survey.count_rrsets(table)
    return sum(map(len, zone.nodes.values()))


def _longest(zone: Zone) -> int:
    """Return the largest TTL."""
    if (table := table_of(zone)) is not None:
        return survey.longest_ttl(table, None)
    found = (rrset.ttl for types in zone.nodes.values() for rrset in types.values())
    return max(found, default=0)


def _negative(zone: Zone) -> int:
    soa = zone.soa
    signed = _longest_proof(zone) if zone.signatures else 0
    return negative_ttl(soa.ttl, rr.soa_negative_ttl(soa.rdatas[0], soa.ttl), signed)


def _longest_proof(zone: Zone) -> int:
    if (table := table_of(zone)) is not None:
        return survey.longest_ttl(table, _PROOFS)
    found = (
        types[rtype].ttl for types in zone.nodes.values() for rtype in _PROOFS if rtype in types
    )
    return max(found, default=0)


def _given(zone: Zone, pools: Collection[tuple[bytes, int]]) -> Iterator[GivenRRset]:
    above = _Texts()
    for owner, types in _visible(zone):
        name = above.text(owner)
        for rtype, rrset in types.items():
            if rtype in _PROOFS or (owner, rtype) in pools:
                continue
            text = type_name(rtype)
            rdatas = rrset.rdatas if len(rrset.rdatas) == 1 else sorted(set(rrset.rdatas))
            digest = digest_of(name, text, rdatas)
            yield GivenRRset(name, text, digest, targets_of(text, rdatas), rrset.ttl)


def _names_in(
    zone: Zone, pools: Collection[tuple[bytes, int]], sources: Collection[str]
) -> tuple[str, ...] | None:
    """Return the names that records lead to, and ``sources``; None if they are too many.

    A DNAME leads to all below a name, as a wildcard says it.
    """
    found = {*sources}
    for rrset in _leading(zone, pools):
        below = WILDCARD if rrset.rtype == rr.DNAME else ""
        names_in = filter(is_name, targets_of(type_name(rrset.rtype), rrset.rdatas))
        found |= {below + one for one in names_in}
        if len(found) > MOST_NAMES:
            return None
    return tuple(sorted(found))


def _leading(zone: Zone, pools: Collection[tuple[bytes, int]]) -> Iterator[RRset]:
    """Yield RRsets that are no pools; one at least of those that lead to a name."""
    if (table := table_of(zone)) is not None:
        yield from survey.leading(table, pools)
        return
    for owner, types in zone.nodes.items():
        yield from (rrset for rtype, rrset in types.items() if (owner, rtype) not in pools)


class _Texts:
    """Names as text; most of a zone's stand below the same one."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def text(self, name: bytes) -> str:
        if name == names.ROOT:
            return "."
        above = names.parent(name)
        rest = self._known.get(above)
        if rest is None:
            rest = self._known[above] = "" if above == names.ROOT else names.to_text(above)
        return names.to_text(name[: len(name) - len(above)] + names.ROOT) + rest


def _visible(zone: Zone) -> Iterator[tuple[bytes, dict[int, RRset]]]:
    """Yield the names with the RRsets that can stand in a response; of glue, the addresses."""
    structure = Structure(zone)
    for owner, types in zone.nodes.items():
        if owner in structure.occluded:
            if structure.cut_above(owner) is None:
                continue
            yield owner, {rtype: types[rtype] for rtype in (rr.A, rr.AAAA) if rtype in types}
        else:
            yield owner, types
