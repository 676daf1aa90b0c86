"""The digest that a zone may have of itself (RFC 8976): whether its records are those digested."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from dnsd.wire.rdata import SOA, ZONEMD
from dnsd.zone.faults import called, error_at, warning_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.zone.findings import Finding
    from dnsd.zone.records import RRset, Zone

_SIMPLE = 1
_HASHES = {1: "sha384", 2: "sha512"}
"""Hash algorithms (RFC 8976 §5.3)."""
_DIGEST_AT = 6


def check_digest(zone: Zone) -> Iterator[Finding]:
    """Verify the ZONEMD records at the apex, if there are any (RFC 8976 §4).

    One that matches is enough; schemes and algorithms that dnsd does not know say nothing.
    """
    types = zone.at(zone.apex)
    rrset = types.get(ZONEMD)
    if rrset is None or SOA not in types:
        return  # without a SOA there is no zone to digest, which is told elsewhere
    kinds = Counter(rdata[4:_DIGEST_AT] for rdata in rrset.rdatas)
    known = [one for one in rrset.rdatas if one[4] == _SIMPLE and one[5] in _HASHES]
    if not known:
        yield warning_at(
            rrset,
            "zonemd-unknown",
            f"{called(rrset)} has a scheme or an algorithm that dnsd does not know, so it was not "
            "verified: add one of scheme 1 and algorithm 1 or 2",
        )
        return
    usable = [one for one in known if kinds[one[4:_DIGEST_AT]] == 1]
    serials = [one for one in usable if int.from_bytes(one[:4], "big") == zone.serial]
    if not serials:
        yield _mismatch(rrset, f"is not for serial {zone.serial}" if usable else "is there twice")
    elif not any(_digest(zone, _HASHES[one[5]]) == one[_DIGEST_AT:] for one in serials):
        yield _mismatch(rrset, "does not match the zone's records")


def _mismatch(rrset: RRset, fault: str) -> Finding:
    return error_at(
        rrset,
        "zonemd-mismatch",
        f"{called(rrset)} {fault}: the zone was changed or damaged after it was digested; "
        "get it again from where it was signed, or remove the record",
    )


def _digest(zone: Zone, algorithm: str) -> bytes:
    # Only zones with a digest need it.
    from dnsd.versions._digest import canonical_form
    from dnsd.zone.stored import version_of

    digest = hashlib.new(algorithm)
    for part in canonical_form(version_of(zone).octets, zone.apex):
        digest.update(part)
    return digest.digest()
