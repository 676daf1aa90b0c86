"""Pools in an image: RRsets of which each query gets those members that control has chosen.

Knows their layout; the caller says which RRsets are pools, and brings the signatures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from struct import pack
from typing import TYPE_CHECKING

from dnsd.image import layout
from dnsd.image.selection import cells
from dnsd.wire.name import is_subdomain, lower
from dnsd.wire.rdata import CNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dnsd.zone.records import RRset, Zone


@dataclass(frozen=True, slots=True)
class PoolRecords:
    """The RRset of ``rtype`` at ``owner`` (lower case), with what policy adds to it.

    Its ``members`` are rdatas, and so are those of ``fallback`` behind them; ``weights`` has one
    for each of both. Until control has decided, the members of the mask ``undecided`` are answered,
    for ``ttl`` seconds.

    In a signed zone ``signatures`` holds the RRSIGs of every answer there can be, by its mask,
    and ``denial`` an NSEC or NSEC3 RRset without the pool's type, with its RRSIGs.

    An answer of mode SOME has ``take`` members, which are drawn for each query; of a pool that is
    ``sticky`` it has one, which is always the same for the same network.
    """

    owner: bytes
    rtype: int
    members: tuple[bytes, ...]
    weights: tuple[int, ...]
    ttl: int
    undecided: int
    fallback: tuple[bytes, ...] = ()
    signatures: Mapping[int, RRset] = field(default_factory=dict)
    denial: tuple[RRset, RRset] | None = None
    take: int = 1
    sticky: bool = False

    @property
    def rdatas(self) -> tuple[bytes, ...]:
        """The rdata of each bit of a mask."""
        return (*self.members, *self.fallback)

    def leads_into(self, zone: Zone) -> bool:
        """Return whether a chain of CNAME records may go on in ``zone`` behind it."""
        return self.rtype == CNAME and any(
            is_subdomain(lower(rdata), zone.apex) for rdata in self.rdatas
        )


def members_of(rrset: RRset) -> tuple[bytes, ...]:
    """Return the rdatas of ``rrset`` in the order of the bits of a mask."""
    return tuple(sorted(rrset.rdatas))


def first_cells(sizes: Iterable[int]) -> tuple[list[int], int]:
    """Return the first cell of each pool, given their numbers of members, and the total."""
    first, end = [], 0
    for members in sizes:
        first.append(end)
        end += cells(members)
    return first, end


def longest(pool: PoolRecords) -> int:
    """Return the size in octets of the longest answer of ``pool``, without its template."""
    signed = max(
        (sum(12 + len(one) for one in rrsigs.rdatas) for rrsigs in pool.signatures.values()),
        default=0,
    )
    return sum(12 + len(rdata) for rdata in pool.rdatas) + signed


def encode(
    pool: PoolRecords, cell: int, pieces: tuple[int, int, int], add: Callable[[bytes], int]
) -> bytes:
    """Return the POOL of ``pool`` (see :mod:`dnsd.image.layout`), whose cells begin at ``cell``.

    ``pieces`` are the refs of its denial; ``add`` appends octets to the image, aligned, and
    returns their ref.
    """
    rdatas = pool.rdatas
    members, octets = len(rdatas), max(map(len, rdatas))
    signatures = _signatures(pool, members, add) if pool.signatures else 0
    return b"".join(
        (
            layout.POOL.pack(
                members,
                pool.rtype == CNAME,
                octets,
                pool.ttl,
                cell,
                *pieces,
                signatures,
                pool.take,
                layout.STICKY if pool.sticky else layout.ANEW,
                _key(pool),
                pool.undecided,
            ),
            *(
                layout.SHARE.pack(weight, len(rdata))
                for weight, rdata in zip(pool.weights, rdatas, strict=True)
            ),
            *(rdata.ljust(octets, b"\0") for rdata in rdatas),
        )
    )


def _key(pool: PoolRecords) -> bytes:
    """Return what networks are hashed with: the same on all nodes, and after any edit."""
    what = pool.owner + pool.rtype.to_bytes(2)
    return blake2b(what, digest_size=16, person=b"dnsd-sticky").digest()


def _signatures(pool: PoolRecords, members: int, add: Callable[[bytes], int]) -> int:
    refs = [0] * (1 << members)
    for mask, rrsigs in pool.signatures.items():
        parts = (pack("<H", len(rdata)) + rdata for rdata in rrsigs.rdatas)
        refs[mask] = add(layout.SIGNATURES.pack(len(rrsigs.rdatas)) + b"".join(parts))
    return add(pack(f"<{len(refs)}I", *refs))
