"""What a pool may be in a signed zone: each of its answers needs a signature of its own.

Knows the pool, its records and the zone as they were loaded; whether the keys are right is
:mod:`dnsd.build.keys`' business.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

from dnsd.build.policypools import members_of
from dnsd.wire.name import from_text, is_wildcard
from dnsd.wire.rdata import DNSKEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.build.signing import Signer
    from dnsd.config.policy import PoolPolicy
    from dnsd.zone.records import RRset, Zone

MOST_TOGETHER = 8
"""Records of a pool that answers with all that are up: each one more doubles the signatures."""
MOST_ANSWERS = 256
"""Sets of records that a pool answers with: each one needs a signature."""
MOST_IN_ALL = 12
"""Records and fallback addresses of a pool: an image has a place for each set of them."""

Fault = tuple[str, str, str]
"""The key it is about ("" is the pool), a code, and a sentence."""


def is_signed(zone: Zone) -> bool:
    """Tell whether ``zone`` is signed, well or badly."""
    return bool(zone.signatures) or DNSKEY in zone.nodes[zone.apex]


def faults(pool: PoolPolicy, rrset: RRset, signer: Signer) -> Iterator[Fault]:
    """Return why the answers of ``pool``, whose records are ``rrset``, cannot be signed."""
    if not signer.signatures_of(rrset):
        message = "the zone is signed, but not these records: sign the zone again"
        yield "", "pool-unsigned", message
    elif not signer.has_keys:
        yield from _without_keys(pool, len(members_of(pool, rrset)))
    else:
        yield from _sizes(pool, len(members_of(pool, rrset)))
        yield from _nodata(pool, signer)


def _without_keys(pool: PoolPolicy, records: int) -> Iterator[Fault]:
    if pool.all_down == "nodata":
        lacking = 'no proof that the type does not exist, which all_down = "nodata" needs'
    elif pool.all_down == "fallback":
        lacking = "none for the fallback addresses"
    elif pool.is_alias and records > 1:
        lacking = "none for the other members"
    elif records > 1:
        lacking = "none for fewer of them"
    else:
        return
    yield (
        "",
        "pool-signed",
        f"the zone is signed, and its file has a signature for these records, but {lacking}: "
        "name the zone's key in [signing] keys, so that dnsd can sign, or take the pool out",
    )


def _sizes(pool: PoolPolicy, records: int) -> Iterator[Fault]:
    if pool.take is None and records > MOST_TOGETHER:
        yield (
            "",
            "pool-too-large-signed",
            f"has {records} records; in a signed zone a pool may have {MOST_TOGETHER}, because "
            'each set of them needs a signature of its own: with select = "one" or "weighted" '
            f"there may be {MOST_IN_ALL}",
        )
    elif records + len(pool.fallback) > MOST_IN_ALL:
        beside = f" and {len(pool.fallback)} fallback addresses" if pool.fallback else ""
        yield (
            "",
            "pool-too-large-signed",
            f"has {records} records{beside}; in a signed zone a pool may have {MOST_IN_ALL} in all",
        )
    elif pool.take and (answers := _answers(records, pool.take)) > MOST_ANSWERS:
        yield (
            "select",
            "pool-too-large-signed",
            f'has {records} records, and "{pool.select}" makes {answers} answers of them; in a '
            f"signed zone there may be {MOST_ANSWERS}, because each needs a signature of its own: "
            "take fewer at once",
        )


def _answers(records: int, take: int) -> int:
    """Return how many sets of at most ``take`` of so many records there are."""
    return sum(comb(records, count) for count in range(1, min(take, records) + 1))


def _nodata(pool: PoolPolicy, signer: Signer) -> Iterator[Fault]:
    if pool.all_down != "nodata":
        return
    if is_wildcard(from_text(pool.name)):
        yield (
            "all_down",
            "pool-denial",
            '"nodata" cannot be proved for a wildcard of a signed zone, because each name that it '
            'stands for needs other records for it: choose another one, such as "servfail"',
        )
    elif signer.denial(pool) is None:
        yield (
            "all_down",
            "pool-denial",
            '"nodata" cannot be proved, because the name has no signed NSEC or NSEC3 record: '
            "sign the zone again",
        )
