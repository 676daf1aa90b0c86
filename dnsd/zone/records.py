"""Zone data as the rest of dnsd sees it: names and rdata in wire format, nothing of a file.

An owner is its uncompressed wire form *in lower case* (RFC 4343: ASCII letters only);
``RRset.owner`` keeps the spelling of the zone file. Rdata is uncompressed wire form.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RRSIG = 46


class RRset(msgspec.Struct, frozen=True, gc=False):
    """All records of one owner and type (RFC 2181 §5); class is always IN.

    ``rdatas`` holds no duplicates and keeps the order of the zone file. ``line`` is where
    its first record stands in ``file`` (for findings of later checks).

    A large zone has a million of them, which have no cycles: they are none of the garbage
    collector's business.
    """

    owner: bytes
    rtype: int
    ttl: int
    rdatas: tuple[bytes, ...]
    file: str = ""
    line: int = 0


@dataclass(slots=True)
class Zone:
    """One loaded zone: ``nodes[owner in lower case][type] -> RRset``.

    RRSIGs are kept apart: ``signatures[owner in lower case][type covered] -> RRset`` of type
    RRSIG. ``apex`` is lower case. Out-of-zone data never gets here; occluded data does.

    Both may be views of a native table: then each access makes the objects again.
    """

    apex: bytes
    nodes: Mapping[bytes, dict[int, RRset]] = field(default_factory=dict)
    signatures: Mapping[bytes, dict[int, RRset]] = field(default_factory=dict)

    def at(self, name: bytes) -> dict[int, RRset]:
        """Return the RRsets of ``name`` (lower case) by type; empty if it has no records."""
        return self.nodes.get(name) or {}

    def replaced(self, rrsets: Iterable[RRset]) -> Zone:
        """Return the zone with ``rrsets``, RRSIGs among them, in place of those that it has.

        KeyError if it has none of an owner and type.
        """
        nodes, signatures = dict(self.nodes), dict(self.signatures)
        for rrset in rrsets:
            owner, kind, table = rrset.owner.lower(), rrset.rtype, nodes
            if kind == _RRSIG:
                kind, table = int.from_bytes(rrset.rdatas[0][:2]), signatures
            if kind not in table[owner]:
                raise KeyError(rrset)
            table[owner] = table[owner] | {kind: rrset}
        return replace(self, nodes=nodes, signatures=signatures)

    @property
    def serial(self) -> int:
        """The SOA's serial number (RFC 1035 §3.3.13)."""
        return int.from_bytes(self.soa.rdatas[0][-20:-16], "big")

    @property
    def soa(self) -> RRset:
        """The apex SOA; every loaded zone has exactly one."""
        return self.nodes[self.apex][6]
