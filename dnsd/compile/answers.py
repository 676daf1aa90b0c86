"""Works out what each query gets, once, at compile time (RFC 1034 §4.3.2 and what came after).

There are two instances for a signed zone: one without signatures and proofs, for queries
without the DO bit, and one with them (RFC 4035 §3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from dnsd.compile.writer import Chosen, Item, Sections
from dnsd.image import layout
from dnsd.image.selection import DENIAL_TTL
from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.wire.records import QNAME
from dnsd.zone.records import RRset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dnsd.compile.denial import DenialChain
    from dnsd.zone.records import Zone
    from dnsd.zone.structure import Structure

    Signatures = Mapping[bytes, Mapping[int, RRset]]

MAX_LINKS = 16
"""CNAME links followed for one answer."""
NOERROR, NXDOMAIN, YXDOMAIN = 0, 3, 6

_ADDRESSES = (rr.A, rr.AAAA)
_BESIDE_CNAME = (rr.RRSIG, rr.NSEC)
"""Types that may stand beside a CNAME: a query for them is never sent on (RFC 4034 §3, §4)."""
_HAS_ADDITIONAL = frozenset((rr.NS, rr.MX, rr.SRV, rr.SVCB, rr.HTTPS))
_NOTHING_ASKED = 0
"""A query type that no name has: its answer is what all absent types get."""


class SearchEnd(Enum):
    """Where a search for a name ends."""

    OUTSIDE = auto()
    EXACT = auto()
    WILDCARD = auto()
    CUT = auto()
    DNAME = auto()
    NXDOMAIN = auto()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Where a search ended: ``source`` is the node with the data, ``encloser`` the closest one."""

    kind: SearchEnd
    source: bytes = b""
    encloser: bytes = b""


class Answers:
    """The answers of ``zone``, with the signatures and proofs given.

    ``piece`` turns an item for the authority section into the ref of a piece. ``pools`` tells
    what is chosen for each query, by owner and type.
    """

    def __init__(
        self,
        zone: Zone,
        structure: Structure,
        denial: DenialChain,
        signatures: Signatures,
        piece: Callable[[Item], int],
        pools: Mapping[tuple[bytes, int], Chosen],
    ) -> None:
        self._zone = zone
        self._structure = structure
        self._denial = denial
        self._signatures = signatures
        self._piece = piece
        self._pools = pools

    # -- what the zone as a whole answers -------------------------------------------------

    def nodata(self) -> Sections:
        """The answer for a type that a name doesn't have; the entry's ``match`` proves it."""
        hashed = layout.ENCLOSER if self._denial.kind == layout.NSEC3_CHAIN else 0
        signed = self._denial.kind != layout.NO_DENIAL
        return Sections(
            pieces=[self._soa()],
            proof=layout.MATCH if signed else 0,
            proof_expanded=layout.MATCH | layout.COVER | hashed if signed else 0,
        )

    def nxdomain(self) -> Sections:
        """The answer for a name that doesn't exist, its proof put together for each query."""
        hashed = layout.ENCLOSER if self._denial.kind == layout.NSEC3_CHAIN else 0
        signed = self._denial.kind != layout.NO_DENIAL
        proof = layout.COVER | layout.WILD | hashed if signed else 0
        return Sections(pieces=[self._soa()], rcode=NXDOMAIN, proof=proof)

    # -- what a name answers --------------------------------------------------------------

    def types(self, name: bytes) -> list[int]:
        """Return the types that ``name`` answers in its own way; the first one answers ANY."""
        if name in self._structure.cuts:
            return [rr.DS]
        own = self.types_at(name)
        if rr.CNAME not in own:
            return own
        own += [rtype for rtype in _BESIDE_CNAME if rtype not in own]
        end = self._chain(Sections(), name, _NOTHING_ASKED)
        if end.kind is SearchEnd.CUT:
            return [*own, rr.DS]
        at_end = self.types_at(end.source) if end.source else []
        return [*own, *(rtype for rtype in at_end if rtype not in own)]

    def types_at(self, name: bytes) -> list[int]:
        """Return the types of the records that stand at ``name``, in the same order."""
        own = list(self._zone.at(name))
        if name in self._zone.signatures:
            own.append(rr.RRSIG)
        return sorted(own, key=_any_preference)

    def answer(self, name: bytes, rtype: int) -> Sections | None:
        """Return the answer for one of the ``types``; None when it is the zone's NODATA."""
        if name in self._structure.cuts and rtype not in self._zone.nodes[name]:
            return self._unproved_nodata(name)
        own = self.types_at(name)
        if rtype in _BESIDE_CNAME and rtype not in own:
            return self._unproved_nodata(name)
        sections = Sections(proof_expanded=self._expansion(name))
        if rtype in own:
            self._add_found(sections, name, self._owner(name), rtype)
        else:
            self._chain(sections, name, rtype)
        return sections

    def default(self, name: bytes) -> Sections | None:
        """Return the answer for all other types; None when it is the zone's NODATA."""
        if name in self._structure.cuts:
            sections = Sections(flags=0)
            self._refer(sections, name)
            return sections
        if rr.CNAME in self._zone.at(name):
            sections = Sections(proof_expanded=self._expansion(name))
            self._chain(sections, name, _NOTHING_ASKED)
            return sections
        return self._unproved_nodata(name)

    def pool_denial(self) -> int:
        """Return the ref of the SOA's piece that says that a pool has no records just now."""
        return self._soa(DENIAL_TTL)

    def proof_piece(self, record: RRset) -> int:
        """Return the ref of the piece that carries the denial ``record``."""
        return self._piece(self._item(record, record.owner))

    # -- parts of answers -----------------------------------------------------------------

    def _unproved_nodata(self, name: bytes) -> Sections | None:
        """Return NODATA with a proof of its own where ``name`` has no record that proves it."""
        if self._denial.kind != layout.NSEC3_CHAIN or self._denial.match(name):
            return None
        sections = Sections()
        self._deny(sections, self._denial.nodata(name))
        return sections

    def _expansion(self, name: bytes) -> int:
        signed = self._denial.kind != layout.NO_DENIAL
        return layout.COVER if signed and names.is_wildcard(name) else 0

    def _owner(self, name: bytes) -> bytes:
        return QNAME if names.is_wildcard(name) else name

    def _rrset(self, name: bytes, rtype: int) -> RRset:
        if rtype != rr.RRSIG:
            return self._zone.at(name)[rtype]
        # RFC 8482 in spirit: the signatures of one RRset, not of all of them
        signatures = self._zone.signatures[name]
        return signatures[min(signatures)]

    def _item(self, rrset: RRset, owner: bytes) -> Item:
        name = names.lower(rrset.owner)
        if name in self._structure.occluded:
            return Item(rrset, owner, rrset.ttl)
        signatures = self._signatures.get(name, {}).get(rrset.rtype)
        return Item(rrset, owner, rrset.ttl, signatures)

    def _soa(self, most: int = rr.LONGEST_TTL) -> int:
        """Return the ref of the SOA's piece, with a TTL of at most ``most`` seconds."""
        soa = self._zone.soa
        ttl = min(most, rr.soa_negative_ttl(soa.rdatas[0], soa.ttl))
        signatures = self._signatures.get(self._zone.apex, {}).get(rr.SOA)
        return self._piece(Item(soa, soa.owner, ttl, signatures))

    def _prove(self, sections: Sections, proof: Iterable[RRset | None]) -> None:
        for record in proof:
            if record is None:
                continue
            piece = self.proof_piece(record)
            if piece not in sections.pieces:
                sections.pieces.append(piece)

    def _deny(self, sections: Sections, proof: Iterable[RRset | None]) -> None:
        """Add the SOA and ``proof``: a negative answer."""
        sections.pieces.insert(0, self._soa())
        self._prove(sections, proof)

    def _add_found(self, sections: Sections, source: bytes, owner: bytes, rtype: int) -> None:
        if pool := self._pools.get((source, rtype)):
            sections.pool = replace(pool, owner=owner)
            if self._denial.kind != layout.NO_DENIAL:
                sections.flags |= layout.SIGNED
            return
        rrset = self._rrset(source, rtype)
        sections.answer.append(self._item(rrset, owner))
        if rtype in _HAS_ADDITIONAL:
            self._add_additional(sections, rrset)

    def _refer(self, sections: Sections, cut: bytes) -> None:
        """Refer to the zone at ``cut`` (RFC 1034 §4.3.2 step 3b, RFC 4035 §3.1.4)."""
        ns = self._zone.nodes[cut][rr.NS]
        sections.authority.append(Item(ns, ns.owner, ns.ttl))
        if self._denial.kind != layout.NO_DENIAL:
            secure = self._zone.nodes[cut].get(rr.DS)
            proof = [secure] if secure else self._denial.nodata(cut)
            unique = {id(record): record for record in proof if record is not None}
            sections.authority += [self._item(record, record.owner) for record in unique.values()]
        self._add_glue(sections, ns, cut)

    def _add_glue(self, sections: Sections, ns: RRset, cut: bytes) -> None:
        seen: set[tuple[bytes, int]] = set()
        for rdata in ns.rdatas:
            target = names.lower(rdata)
            in_domain = names.is_subdomain(target, cut)
            section = sections.glue if in_domain else sections.optional
            section += self._addresses(target, seen)

    def _add_additional(self, sections: Sections, rrset: RRset) -> None:
        present = sections.answer + sections.authority
        seen = {(names.lower(item.owner), item.rrset.rtype) for item in present}
        for rdata in rrset.rdatas:
            target = rr.target(rrset.rtype, rdata)
            assert target is not None
            target = names.lower(target)
            if rrset.rtype in (rr.SVCB, rr.HTTPS):
                if rr.is_alias_mode(rdata):
                    sections.optional += self._found(target, rrset.rtype, seen)
                elif target == names.ROOT and not names.is_wildcard(rrset.owner):
                    target = names.lower(rrset.owner)
            sections.optional += self._addresses(target, seen)

    def _addresses(self, name: bytes, seen: set[tuple[bytes, int]]) -> list[Item]:
        return [item for rtype in _ADDRESSES for item in self._found(name, rtype, seen)]

    def _found(self, name: bytes, rtype: int, seen: set[tuple[bytes, int]]) -> list[Item]:
        """Return the RRset as additional data, unless it isn't there or ``seen`` already.

        A pool never is: no client relies on additional data that it can ask for (RFC 2181 §5.4.1),
        so it is only answered where it is chosen for the query.
        """
        rrset = self._zone.at(name).get(rtype)
        if rrset is None or (name, rtype) in seen or (name, rtype) in self._pools:
            return []
        occluded = name in self._structure.occluded
        if occluded and (rtype not in _ADDRESSES or self._structure.cut_above(name) is None):
            return []
        seen.add((name, rtype))
        if name in self._structure.cuts:
            return [Item(rrset, rrset.owner, rrset.ttl)] if rtype in _ADDRESSES else []
        return [self._item(rrset, rrset.owner)]

    # -- chains ---------------------------------------------------------------------------

    def _find(self, name: bytes) -> SearchResult:
        """Find ``name`` as a query for it would (RFC 1034 §4.3.2 step 3, RFC 4592, RFC 6672)."""
        known = self._structure
        if not names.is_subdomain(name, self._zone.apex):
            return SearchResult(SearchEnd.OUTSIDE)
        encloser = name
        while not known.has(encloser):
            encloser = names.parent(encloser)
        if encloser in known.cuts:
            return SearchResult(SearchEnd.CUT, encloser, encloser)
        if encloser == name:
            return SearchResult(SearchEnd.EXACT, name, name)
        if encloser in known.dnames:
            return SearchResult(SearchEnd.DNAME, encloser, encloser)
        wildcard = names.wildcard_of(encloser)
        if known.has(wildcard):
            return SearchResult(SearchEnd.WILDCARD, wildcard, encloser)
        return SearchResult(SearchEnd.NXDOMAIN, b"", encloser)

    def _chain(self, sections: Sections, name: bytes, rtype: int) -> SearchResult:
        """Follow the CNAME at ``name``; say how it ends, in ``sections`` and as a place.

        It ends at a pool of CNAME records, too: where one leads is known once it is chosen.
        """
        if (name, rr.CNAME) in self._pools:
            self._add_found(sections, name, self._owner(name), rr.CNAME)
            return SearchResult(SearchEnd.OUTSIDE)
        link = self._zone.nodes[name][rr.CNAME]
        sections.answer.append(self._item(link, self._owner(name)))
        # A wildcard stands in for other names, and the chain may lead to its own. (A query for the
        # wildcard of such a loop itself gets the record twice, as from Knot: it is one block.)
        seen: set[bytes] = set() if names.is_wildcard(name) else {name}
        target: bytes | None = link.rdatas[0]
        links = 1
        while target is not None and names.lower(target) not in seen:
            seen.add(names.lower(target))
            place = self._find(names.lower(target))
            if not self._is_link(place, rtype):
                self._end(sections, place, target, rtype)
                return place
            if links == MAX_LINKS:
                break
            target = self._add_link(sections, place, target)
            links += 1
        return SearchResult(SearchEnd.OUTSIDE)

    def _is_link(self, place: SearchResult, rtype: int) -> bool:
        if place.kind is SearchEnd.DNAME:
            return True
        if place.kind not in (SearchEnd.EXACT, SearchEnd.WILDCARD):
            return False
        return rr.CNAME in self._zone.at(place.source) and rtype not in self.types_at(place.source)

    def _add_link(self, sections: Sections, place: SearchResult, owner: bytes) -> bytes | None:
        """Add the CNAME, or DNAME and what it makes, at ``place``; return where it leads.

        None: nowhere, or where the chain ends here.
        """
        if place.kind is not SearchEnd.DNAME:
            if place.kind is SearchEnd.WILDCARD:
                self._prove(sections, self._denial.expanded(names.lower(owner), place.encloser))
            if (place.source, rr.CNAME) in self._pools:
                self._add_found(sections, place.source, owner, rr.CNAME)
                return None
            link = self._zone.nodes[place.source][rr.CNAME]
            sections.answer.append(self._item(link, owner))
            return link.rdatas[0]
        dname = self._zone.nodes[place.source][rr.DNAME]
        if all(item.rrset is not dname for item in sections.answer):
            sections.answer.append(self._item(dname, dname.owner))
        target = owner[: len(owner) - len(place.source)] + dname.rdatas[0]
        if len(target) > names.MAX_NAME:
            sections.rcode = YXDOMAIN
            return None
        made = RRset(owner, rr.CNAME, dname.ttl, (target,))
        sections.answer.append(Item(made, owner, made.ttl))
        return target

    def _end(self, sections: Sections, place: SearchResult, name: bytes, rtype: int) -> None:
        """Add what the last name of a chain gets; ``name`` as it is spelled in the chain."""
        folded = names.lower(name)
        if place.kind is SearchEnd.OUTSIDE:
            return
        if place.kind is SearchEnd.NXDOMAIN:
            sections.rcode = NXDOMAIN
            self._deny(sections, self._denial.nxdomain(folded, place.encloser))
        elif place.kind is SearchEnd.CUT and not (rtype == rr.DS and folded == place.source):
            self._refer(sections, place.source)
        elif rtype in self.types_at(place.source):
            self._add_found(sections, place.source, name, rtype)
            if place.kind is SearchEnd.WILDCARD:
                self._prove(sections, self._denial.expanded(folded, place.encloser))
        elif place.kind is SearchEnd.WILDCARD:
            self._deny(sections, self._denial.expanded_nodata(folded, place.encloser))
        else:
            self._deny(sections, self._denial.nodata(folded))


def _any_preference(rtype: int) -> tuple[int, int]:
    """Order types so that the one that answers ANY comes first: addresses, then the rest."""
    if rtype in _ADDRESSES:
        return 0, rtype
    return (2 if rtype in (rr.RRSIG, rr.NSEC, rr.NSEC3) else 1), rtype
