"""A zone as tests make one: names, types and rdata text, written out as a master file.

It keeps itself loadable: what may not stand together (RFC 1034 §3.6.2, RFC 6672 §2.4) is left
out when it is written, and all records of an RRset get one TTL.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from typing import NamedTuple

import dns.name
import dns.rdatatype
import dns.zone
from dns.name import Name

TTLS = (300, 0, 3600, 60, 2**31 - 1)


class Record(NamedTuple):
    """One line of a master file."""

    owner: Name
    ttl: int
    rtype: str
    rdata: str

    def __str__(self) -> str:
        return f"{self.owner} {self.ttl} IN {self.rtype} {self.rdata}"


class Model:
    """A zone under construction."""

    def __init__(self, origin: Name, soa_ttl: int = 3600, minimum: int = 300) -> None:
        self.origin = origin
        self.minimum = min(soa_ttl, minimum)
        self._soa_ttl = soa_ttl
        self._rdatas: dict[Name, dict[str, list[str]]] = defaultdict(dict)
        self.add(origin, "SOA", f"ns.{_relative(origin)} host.invalid. 7 3600 600 86400 {minimum}")

    def add(self, owner: Name, rtype: str, rdata: str) -> None:
        """Add a record; what stands there already stays once."""
        rdatas = self._rdatas[owner].setdefault(rtype, [])
        if rdata not in rdatas:
            rdatas.append(rdata)

    @property
    def owners(self) -> list[Name]:
        return sorted(self._rdatas)

    def types(self, owner: Name) -> list[str]:
        """The types at ``owner`` that may stand together; the others are not written."""
        rtypes = set(self._rdatas.get(owner, {}))
        if owner == self.origin:
            rtypes -= {"CNAME", "DS"}
        elif "NS" in rtypes:
            rtypes -= {"CNAME", "DNAME"}
        else:
            rtypes -= {"DS"}
        if "CNAME" in rtypes:
            rtypes &= {"CNAME", "NSEC", "RRSIG"}
        return sorted(rtypes)

    def rdatas(self, owner: Name, rtype: str) -> list[str]:
        rdatas = self._rdatas[owner][rtype]
        return rdatas[:1] if rtype in {"CNAME", "DNAME", "SOA"} else rdatas

    def ttl(self, owner: Name, rtype: str) -> int:
        """The same for the same owner and type, but not for all."""
        if rtype == "SOA":
            return self._soa_ttl
        if rtype in {"NSEC", "NSEC3"}:
            return self.minimum
        return TTLS[zlib.crc32(f"{owner.canonicalize()}{rtype}".encode()) % len(TTLS)]

    def records(self) -> list[Record]:
        """Every record, the SOA first."""
        found = [
            Record(owner, self._ttl_of(owner, rtype, rdata), rtype, rdata)
            for owner in self.owners
            for rtype in self.types(owner)
            for rdata in self.rdatas(owner, rtype)
        ]
        return sorted(found, key=lambda record: record.rtype != "SOA")

    def text(self) -> str:
        return "".join(f"{record}\n" for record in self.records())

    def zone(self) -> dns.zone.Zone:
        """The same zone as dnspython reads it."""
        return dns.zone.from_text(self.text(), self.origin, relativize=False, check_origin=False)

    # What a signer must know

    def is_cut(self, owner: Name) -> bool:
        return owner != self.origin and "NS" in self.types(owner)

    def is_secure(self, owner: Name) -> bool:
        return "DS" in self.types(owner)

    def above(self, owner: Name) -> list[Name]:
        """The names from the apex down to just above ``owner``."""
        labels = owner.labels
        return [Name(labels[-n:]) for n in range(len(self.origin.labels), len(labels))]

    def authoritative(self) -> list[Name]:
        """The owners that are signed or are cuts: nothing occluded."""
        return [
            owner
            for owner in self.owners
            if self.types(owner)
            and not any(
                self.is_cut(name) or "DNAME" in self.types(name) for name in self.above(owner)
            )
        ]

    def _ttl_of(self, owner: Name, rtype: str, rdata: str) -> int:
        """Signatures have the TTL of what they cover (RFC 4034 §3)."""
        return self.ttl(owner, rdata.split(maxsplit=1)[0] if rtype == "RRSIG" else rtype)


def _relative(origin: Name) -> str:
    return "" if origin == dns.name.root else str(origin)
