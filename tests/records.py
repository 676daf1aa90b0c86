"""From dnspython's zone to dnsd's records: a second road beside :mod:`dnsd.zone.load`.

It makes no findings, so tests of what comes later can use zones that a check would refuse, and
the loader can be compared with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dns.rdatatype import RRSIG

from dnsd.wire import name as wire
from dnsd.zone.records import RRset, Zone

if TYPE_CHECKING:
    import dns.zone
    from dns.name import Name
    from dns.rdata import Rdata


@dataclass(slots=True)
class OpenZone(Zone):
    """A zone of Python objects, which a test may change."""

    nodes: dict[bytes, dict[int, RRset]] = field(default_factory=dict)
    signatures: dict[bytes, dict[int, RRset]] = field(default_factory=dict)


def records_of(zone: dns.zone.Zone) -> OpenZone:
    """Convert a zone that dnspython loaded with ``relativize=False``."""
    if zone.origin is None:
        raise ValueError("the zone has no origin")
    found = OpenZone(wire.lower(_name(zone.origin)))
    for owner, node in zone.nodes.items():
        for rdataset in node.rdatasets:
            is_signature = rdataset.rdtype == RRSIG
            table = found.signatures if is_signature else found.nodes
            rrset = RRset(
                _name(owner),
                rdataset.rdtype,
                rdataset.ttl,
                tuple(_rdata(item) for item in rdataset),
            )
            key = rdataset.covers if is_signature else rdataset.rdtype
            table.setdefault(wire.lower(rrset.owner), {})[int(key)] = rrset
    return found


def _name(name: Name) -> bytes:
    octets = name.to_wire()
    assert octets is not None
    return octets


def _rdata(rdata: Rdata) -> bytes:
    octets = rdata.to_wire()
    assert octets is not None
    return octets
