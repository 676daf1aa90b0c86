"""Records that were edited after their zone was signed: their signatures do not fit any more.

Resolvers that validate refuse such records, and no other server says a word. Each signature is a
tenth of a millisecond of arithmetic, so this is asked for where somebody has just edited a zone,
and of so many RRsets at the most. dnspython verifies.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import dns.dnssec
import dns.dnssecalgs
import dns.name
import dns.rdataset
from dns.exception import ValidationFailure

from dnsd.build.images import EDITED
from dnsd.build.keys import ALGORITHMS, zone_keys
from dnsd.build.signing import as_dnspython, rrsig_of
from dnsd.zone.faults import SharedFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dns.name import Name
    from dns.node import Node
    from dns.rdataset import Rdataset
    from dns.rdtypes.ANY.DNSKEY import DNSKEY
    from dns.rdtypes.ANY.RRSIG import RRSIG

    from dnsd.zone.findings import Finding
    from dnsd.zone.records import RRset, Zone

MOST_BUILT = 1000
"""Signed RRsets that a build looks at: 0.2 s."""
MOST_CHECKED = 20_000
"""Those that a check looks at: 4 s."""


class _Keys(NamedTuple):
    """The keys of a zone as dnspython wants them, and how signatures call them."""

    by_zone: dict[Name, Node | Rdataset]
    called: frozenset[tuple[int, int]]
    """Algorithm and tag of each."""


def edited(zone: Zone, most: int) -> Iterator[Finding]:
    """Warn of RRsets of ``zone`` that their signatures do not fit; ``most`` are looked at."""
    keys = zone_keys(zone)
    if not keys or not dns.dnssecalgs.algorithms:
        return
    apex = dns.name.from_wire(zone.apex, 0)[0]
    known = _Keys({apex: dns.rdataset.from_rdata_list(0, keys)}, frozenset(map(_called, keys)))
    fault = SharedFault()
    for rrset, signatures in islice(_signed(zone), most):
        if not _fits(rrset, signatures, known):
            fault.rrsets.append(rrset)
    yield from fault.warn(
        EDITED,
        "the signatures of {} do not fit these records, which were edited after the zone was "
        "signed: resolvers that validate refuse them; sign the zone again",
    )


def _signed(zone: Zone) -> Iterator[tuple[RRset, RRset]]:
    for owner, covered in zone.signatures.items():
        types = zone.at(owner)
        yield from ((types[rtype], one) for rtype, one in covered.items() if rtype in types)


def _fits(rrset: RRset, signatures: RRset, known: _Keys) -> bool:
    """Tell whether a signature is right, or none can be judged: its key is not in the zone."""
    rrsigs = map(rrsig_of, signatures.rdatas)
    judged = [one for one in rrsigs if (one.algorithm, one.key_tag) in known.called]
    if not judged or any(one.algorithm not in ALGORITHMS for one in judged):
        return True
    return any(_is_right(rrset, one, known) for one in judged)


def _is_right(rrset: RRset, rrsig: RRSIG, known: _Keys) -> bool:
    """Tell whether ``rrsig`` is made of ``rrset``, whenever it holds."""
    signed = as_dnspython(rrset)
    try:
        dns.dnssec.validate_rrsig(signed, rrsig, known.by_zone, now=rrsig.inception)
    except ValidationFailure:
        return False
    return True


def _called(key: DNSKEY) -> tuple[int, int]:
    return key.algorithm, dns.dnssec.key_id(key)
