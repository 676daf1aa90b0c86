"""What of a zone can be seen: the names that exist, cuts, DNAMEs, glue.

On dnspython's data and in its plainest form: it is for the oracle in :mod:`dnsd.zone.lookup`,
not for speed, and shares nothing with the compiler, so that each can find the other's faults.
It knows zones (RFC 1034 §4.2, RFC 4592 §2.2, RFC 6672 §2.4) and nothing of queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.name
import dns.rdata
import dns.rdataset
import dns.rrset
import dns.zone
from dns.rdataclass import IN
from dns.rdatatype import DNAME, HTTPS, NS, NSEC3, RRSIG, SOA, SVCB, RdataType

from dnsd.wire.rdata import is_alias_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dns.name import Name
    from dns.rdata import Rdata

    from dnsd.zone import records

NONE = RdataType.TYPE0
"""The covered type of everything that is not an RRSIG."""

Key = tuple[RdataType, RdataType]
"""An RRset's type and, for RRSIGs, the type they cover (otherwise ``NONE``)."""


@dataclass(frozen=True, slots=True)
class ViewRRset:
    """An RRset on its way into a message; RRSIGs are one RRset for each type covered."""

    owner: Name
    rtype: RdataType
    covers: RdataType
    ttl: int
    rdatas: tuple[Rdata, ...]

    @property
    def key(self) -> tuple[Name, RdataType, RdataType]:
        """What makes two RRsets of one message the same."""
        return (self.owner, self.rtype, self.covers)

    def to_text(self) -> str:
        """Return the records as a master file has them, one a line."""
        return str(dns.rrset.from_rdata_list(self.owner, self.ttl, self.rdatas).to_text())


Node = Mapping[Key, ViewRRset]
"""All RRsets of one owner."""


class View:
    """One zone's data, read-only; names compare without case, as dnspython's do."""

    def __init__(self, apex: Name, nodes: Mapping[Name, Node]) -> None:
        self.apex = apex
        self.nodes = {owner: node for owner, node in nodes.items() if owner.is_subdomain(apex)}
        self.existing = frozenset(self._existing())

    @property
    def signed(self) -> bool:
        """Tell whether the zone has signatures: its SOA's stands for all."""
        return self.rrset(self.apex, RRSIG, SOA) is not None

    def node(self, name: Name) -> Node:
        """Return the RRsets of ``name``; empty for a name that owns nothing."""
        return self.nodes.get(name, {})

    def rrset(self, name: Name, rtype: RdataType, covers: RdataType = NONE) -> ViewRRset | None:
        """Return one RRset, wherever it stands: occluded or not."""
        return self.node(name).get((rtype, covers))

    def path(self, name: Name) -> Iterator[Name]:
        """Go down from the apex to ``name``, both included, label by label."""
        for depth in range(len(self.apex.labels), len(name.labels) + 1):
            yield dns.name.Name(name.labels[-depth:])

    def is_cut(self, name: Name) -> bool:
        """Tell whether ``name`` owns NS records that are not the zone's own (RFC 1034 §4.2)."""
        return name != self.apex and (NS, NONE) in self.node(name)

    def authoritative(self, name: Name) -> bool:
        """Tell whether data at ``name`` is this zone's: at or below no cut, below no DNAME."""
        return not any(
            self.is_cut(above) or (above != name and (DNAME, NONE) in self.node(above))
            for above in self.path(name)
        )

    def address_visible(self, name: Name) -> bool:
        """Tell whether an address at ``name`` is authoritative or glue (RFC 1034 §4.2.1).

        What is below a cut is glue, whatever else the other zone's data says there; what a
        DNAME above any cut has replaced is neither.
        """
        for above in self.path(name):
            if self.is_cut(above):
                return True
            if above != name and (DNAME, NONE) in self.node(above):
                return False
        return True

    def _existing(self) -> Iterator[Name]:
        """Every owner and every empty non-terminal above it (RFC 4592 §2.2.2).

        A name that owns nothing but NSEC3 does not exist for queries (RFC 5155 §7.2.8).
        """
        yield self.apex
        for owner, node in self.nodes.items():
            if any(NSEC3 not in key for key in node):
                yield from self.path(owner)


def from_records(zone: records.Zone) -> View:
    """View a zone that :mod:`dnsd.zone.load` has read."""
    nodes: dict[Name, dict[Key, ViewRRset]] = {}
    for table in (zone.nodes, zone.signatures):
        for rrsets in table.values():
            for rrset in rrsets.values():
                found = _from_record(rrset)
                nodes.setdefault(found.owner, {})[found.rtype, found.covers] = found
    return View(_name(zone.apex), nodes)


def _from_record(rrset: records.RRset) -> ViewRRset:
    rtype = RdataType.make(rrset.rtype)
    rdatas = tuple(_rdata(rtype, rdata) for rdata in rrset.rdatas)
    covers = rdatas[0].covers() if rtype == RRSIG else NONE
    return ViewRRset(_name(rrset.owner), rtype, covers, rrset.ttl, rdatas)


def _rdata(rtype: RdataType, rdata: bytes) -> Rdata:
    if rtype in (SVCB, HTTPS) and is_alias_mode(rdata):
        # dnspython takes no parameters in AliasMode; RFC 9460 §2.4.2 has recipients ignore them
        rdata = b"\x00\x01" + rdata[2:]
        return dns.rdata.from_wire(IN, rtype, rdata, 0, len(rdata), None).replace(priority=0)
    return dns.rdata.from_wire(IN, rtype, rdata, 0, len(rdata), None)


def _name(wire: bytes) -> Name:
    return dns.name.from_wire(wire, 0)[0]
