"""Signs a zone so that it is as dear to serve as a real one: chains are right, signatures made up.

No server verifies the signatures of the zones that it serves.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import dns.dnssec
import dns.name
from dns.name import Name

ORIGIN = dns.name.from_text("example.")
TTL = 300
_TIMES = "20370101000000 20200101000000 4711"
_SIGNATURE = base64.b64encode(bytes(range(64))).decode()
_KEY = f"257 3 13 {_SIGNATURE}"


@dataclass(frozen=True, slots=True)
class Denial:
    """NSEC, or NSEC3 with ``iterations`` and ``salt`` (hexadecimal)."""

    hashed: bool = False
    iterations: int = 0
    salt: str = ""
    opt_out: bool = False

    def __str__(self) -> str:
        if not self.hashed:
            return "NSEC"
        salt = f", {len(self.salt) // 2} octets of salt" if self.salt else ""
        return f"NSEC3, {self.iterations} iterations{salt}{', opt-out' * self.opt_out}"


@dataclass(slots=True)
class Contents:
    """The records of a zone by owner and type; the SOA and an NS stand there already."""

    nodes: dict[Name, dict[str, list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add("@", "SOA", "ns.elsewhere. hostmaster 1 3600 900 604800 300")
        self.add("@", "NS", "ns.elsewhere.")

    def add(self, owner: str, rtype: str, *rdatas: str) -> None:
        """Add records; ``owner`` is relative to the origin."""
        name = dns.name.from_text(owner, ORIGIN)
        self.nodes.setdefault(name, {}).setdefault(rtype, []).extend(rdatas)

    def text(self) -> str:
        """Return the zone file."""
        lines = [f"$ORIGIN {ORIGIN}", f"$TTL {TTL}"]
        # the SOA first, which some servers ask for
        for name, types in sorted(self.nodes.items(), key=lambda node: node[0] != ORIGIN):
            for rtype, rdatas in types.items():
                lines += [f"{name} {rtype} {rdata}" for rdata in rdatas]
        return "\n".join((*lines, ""))


def sign(contents: Contents, denial: Denial) -> None:
    """Add a key, a chain, and a signature for each RRset with authority."""
    contents.add("@", "DNSKEY", _KEY)
    cuts = {name for name, types in contents.nodes.items() if "NS" in types and name != ORIGIN}
    owners = {
        name
        for name in contents.nodes
        if not any(name.is_subdomain(cut) and name != cut for cut in cuts | _dnames(contents))
    }
    if denial.hashed:
        _add_nsec3(contents, owners, cuts, denial)
    else:
        ring = sorted(owners)
        for name, after in zip(ring, [*ring[1:], ring[0]], strict=True):
            types = _types(contents, name, cuts)
            contents.nodes[name]["NSEC"] = [f"{after} {' '.join((*types, 'RRSIG', 'NSEC'))}"]
    for name in owners:
        _add_signatures(contents, name, cuts)


def _dnames(contents: Contents) -> set[Name]:
    return {name for name, types in contents.nodes.items() if "DNAME" in types}


def _types(contents: Contents, name: Name, cuts: set[Name]) -> list[str]:
    types = contents.nodes.get(name, {})
    return [rtype for rtype in types if name not in cuts or rtype in {"NS", "DS"}]


def _add_nsec3(contents: Contents, owners: set[Name], cuts: set[Name], denial: Denial) -> None:
    salt = denial.salt or "-"
    contents.add("@", "NSEC3PARAM", f"1 0 {denial.iterations} {salt}")
    shown = {
        name
        for name in owners
        if not (denial.opt_out and name in cuts and "DS" not in contents.nodes[name])
    }
    for name in list(shown):
        above = name
        while above != ORIGIN:
            above = above.parent()
            shown.add(above)
    chain = {
        dns.dnssec.nsec3_hash(name, denial.salt or None, denial.iterations, 1): name
        for name in shown
    }
    ring = sorted(chain)
    for hashed, after in zip(ring, [*ring[1:], ring[0]], strict=True):
        types = _types(contents, chain[hashed], cuts)
        signed = ["RRSIG"] if types and set(types) != {"NS"} else []
        rdata = [f"1 {int(denial.opt_out)} {denial.iterations} {salt} {after}", *types, *signed]
        owner = Name((hashed.encode(), *ORIGIN.labels))
        contents.nodes[owner] = {"NSEC3": [" ".join(rdata)]}
        _add_signatures(contents, owner, cuts)


def _add_signatures(contents: Contents, name: Name, cuts: set[Name]) -> None:
    types = contents.nodes[name]
    labels = len(name.labels) - 1 - (name.labels[0] == b"*")
    covered = [
        rtype
        for rtype in types
        if rtype != "RRSIG" and (name not in cuts or rtype in {"DS", "NSEC"})
    ]
    rest = f"13 {labels} {TTL} {_TIMES} {ORIGIN} {_SIGNATURE}"
    types.setdefault("RRSIG", []).extend(f"{rtype} {rest}" for rtype in covered)
    if not types["RRSIG"]:
        del types["RRSIG"]
