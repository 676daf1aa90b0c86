"""The pools of a zone, as its policy makes them: for the compiler, and for who decides on them.

Knows zone and policy together; the results stand in the image's metadata, so that whoever
decides on a pool has exactly what the workers answer from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd import compile as compiler
from dnsd.build.poolmeta import PoolMeta
from dnsd.compile.poolrecords import first_cells
from dnsd.compile.poolrecords import members_of as in_order
from dnsd.failover.choice import Choice, Eligibility
from dnsd.image.selection import LONGEST_TTL, Mode, Selection, encode, private
from dnsd.wire import rdata as rr
from dnsd.wire.member import packed, shown
from dnsd.wire.name import from_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.build.signing import Signer
    from dnsd.config.policy import Policy, PoolPolicy
    from dnsd.image.selection import Cells
    from dnsd.zone.records import RRset, Zone

TYPES = {"A": rr.A, "AAAA": rr.AAAA, "CNAME": rr.CNAME}


def rrset_of(pool: PoolPolicy, zone: Zone) -> RRset | None:
    """Return the RRset of ``zone`` that is the pool, if there is one."""
    return zone.at(from_text(pool.name)).get(TYPES[pool.type])


def members_of(pool: PoolPolicy, rrset: RRset) -> tuple[str, ...]:
    """Return the members of ``pool``, whose records in the zone are ``rrset``, as bits of a mask.

    Addresses are in canonical order (RFC 4034 §6.3), names in that of the policy.
    """
    if pool.is_alias:
        return pool.members
    return tuple(shown(rrset.rtype, rdata) for rdata in in_order(rrset))


def describe(policy: Policy, zone: Zone) -> tuple[PoolMeta, ...]:
    """Return the pools of ``zone``; ``policy`` has been found to be right for it."""
    found = [(pool, rrset) for pool in policy.pools if (rrset := rrset_of(pool, zone))]
    first, end = first_cells(
        len(members_of(pool, rrset)) + len(pool.fallback) for pool, rrset in found
    )
    ends = [*first, end][1:]
    return tuple(
        PoolMeta(
            policy=pool,
            ttl=rrset.ttl,
            members=members_of(pool, rrset),
            cell=cell,
            cells=after - cell,
            undecided=shown(rr.CNAME, rrset.rdatas[0]) if pool.is_alias else "",
        )
        for (pool, rrset), cell, after in zip(found, first, ends, strict=True)
    )


def all_well(pools: Sequence[PoolMeta]) -> Cells:
    """Return cells in private memory that say: every member is up, and has long been.

    Of CNAME records the one in the zone is answered.
    """
    count = sum(pool.cells for pool in pools)
    cells = private(count)
    for pool in pools:
        answer = Choice(pool.policy, pool.members).answer([Eligibility.IN] * len(pool.members), 0)
        mask = pool.undecided_mask if pool.undecided else answer.mask
        selection = Selection(mask, min(pool.ttl, LONGEST_TTL), Mode(answer.mode))
        cells.selections[pool.cell] = encode(selection)
    return cells


def compiled(pools: Sequence[PoolMeta], signer: Signer | None) -> Iterator[compiler.PoolRecords]:
    """Yield ``pools`` for the compiler; None: the zone is not signed."""
    for pool in pools:
        policy = pool.policy
        yield compiler.PoolRecords(
            owner=from_text(policy.name),
            rtype=TYPES[policy.type],
            weights=Choice(policy, pool.members).weights,
            ttl=min(policy.ttl_min, pool.ttl),
            members=tuple(map(packed, pool.members)),
            undecided=pool.undecided_mask,
            fallback=tuple(map(packed, policy.fallback)),
            signatures=signer.signatures(policy) if signer else {},
            denial=signer.denial(policy) if signer else None,
            take=policy.take or 1,
            sticky=policy.is_sticky,
        )
