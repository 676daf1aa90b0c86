"""The plain algorithm of RFC 1034 §4.3.2: one zone, one question, one answer, and why.

It is the oracle that the compiled answers are tested against and the explanation behind
``dnsd explain``. Written from the RFCs for plainness, not for speed: it goes down from the
apex label by label and searches the denial chain from end to end. It knows no packets, no
sizes, no EDNS beyond the DO bit, and no meta types (AXFR, OPT, ...): those never get here.

The later RFCs it follows: 2308 (negative TTL), 4592 (wildcards), 6604 (rcode of a chain),
6672 (DNAME), 4035 and 5155 (proofs, in :mod:`dnsd.zone.denial`), 8020 (empty non-terminals),
8482 (ANY), 9460 (SVCB), 9471 (glue).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, cast

import dns.name
import dns.rdata
from dns.rcode import NOERROR, NXDOMAIN, YXDOMAIN
from dns.rdataclass import IN
from dns.rdatatype import (
    AAAA,
    ANY,
    CNAME,
    DNAME,
    DS,
    NS,
    NSEC,
    NSEC3,
    RRSIG,
    SOA,
    A,
)

from dnsd.zone.additional import wanted_next
from dnsd.zone.answer import Answer, Question, Step, StepKind
from dnsd.zone.denial import denial_of
from dnsd.zone.view import NONE, ViewRRset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dns.name import Name
    from dns.rdtypes.ANY.CNAME import CNAME as CNAMERdata
    from dns.rdtypes.ANY.DNAME import DNAME as DNAMERdata
    from dns.rdtypes.ANY.SOA import SOA as SOARdata

    from dnsd.zone.denial import Proofs
    from dnsd.zone.view import Node, View

__all__ = ["MAX_LINKS", "Answer", "Question", "Step", "StepKind", "lookup", "zone_for"]

MAX_LINKS = 16
"""CNAMEs followed for one question, synthesized ones included; the next one ends the answer."""

_NOT_FOLLOWED = frozenset((CNAME, ANY, NSEC, RRSIG))
"""Types that are answered at the owner of a CNAME itself (RFC 1034 §3.6.2, RFC 4035 §2.5)."""

_LAST_CHOICE = frozenset((RRSIG, NSEC, NSEC3))
"""Types that answer ANY only where there is nothing else."""


def lookup(view: View, question: Question) -> Answer:
    """Answer ``question`` from the zone behind ``view``; ValueError if it is of another zone."""
    if not question.name.is_subdomain(view.apex):
        raise ValueError(f"{question.name} is not in the zone {view.apex}")
    search = _Search(view, question)
    search.run()
    return search.result()


def zone_for(apexes: Iterable[Name], question: Question) -> Name | None:
    """Return the apex of the zone that answers: the nearest one, or the parent for a DS.

    RFC 4035 §3.1.4.1: a server of both sides of a cut answers DS from the parent's side.
    """
    nearest = sorted(
        (apex for apex in apexes if question.name.is_subdomain(apex)),
        key=lambda apex: -len(apex.labels),
    )
    if not nearest:
        return None
    if question.rtype == DS and question.name == nearest[0] and len(nearest) > 1:
        return nearest[1]
    return nearest[0]


class _Found(Enum):
    """How matching down from the apex ended (RFC 1034 §4.3.2 step 3)."""

    NAME = "the whole name is matched"
    CUT = "a match would leave the authoritative data"
    DNAME = "a DNAME stands above the name"
    WILDCARD = "a wildcard stands in for the name"
    NOTHING = "neither the name nor a wildcard exists"


class _Match(NamedTuple):
    found: _Found
    node: Name
    """Whose data to use: the name, the cut, the DNAME's owner, the wildcard, or the encloser."""


@dataclass(slots=True)
class _Section:
    """RRsets in the order they came; each at most once."""

    rrsets: list[ViewRRset] = field(default_factory=list)

    def add(self, rrsets: Iterable[ViewRRset]) -> None:
        have = {rrset.key for rrset in self.rrsets}
        for rrset in rrsets:
            if rrset.key not in have:
                have.add(rrset.key)
                self.rrsets.append(rrset)


class _Search:
    """The state of one lookup: three sections, the chain so far, the trace."""

    def __init__(self, view: View, question: Question) -> None:
        self.view = view
        self.qtype = question.rtype
        self.do = question.do
        self.qname = question.name
        self.denial = denial_of(view)
        self.rcode = NOERROR
        self.aa = True
        self.answer = _Section()
        self.authority = _Section()
        self.proofs = _Section()
        self.additional = _Section()
        self.mandatory = 0
        self.links = 0
        self.visited: set[Name] = set()
        self.trace: list[Step] = []

    def result(self) -> Answer:
        self.authority.add(self.proofs.rrsets)
        return Answer(
            self.rcode,
            self.aa,
            tuple(self.answer.rrsets),
            tuple(self.authority.rrsets),
            tuple(self.additional.rrsets),
            self.mandatory,
            tuple(self.trace),
        )

    def run(self) -> None:
        """Resolve link by link (RFC 1034 §4.3.2 step 2 to 4), then add the additional data."""
        self._note(StepKind.ZONE, self.view.apex, "the zone that answers")
        name: Name | None = self.qname
        while name is not None:
            self.visited.add(name)
            target = self._resolve(name)
            name = None if target is None else self._next(target)
        self._add_additional()

    def _next(self, target: Name) -> Name | None:
        """Decide whether the chain goes on at ``target``."""
        if not target.is_subdomain(self.view.apex):
            self._note(StepKind.END, target, "the chain leaves the zone")
        elif target in self.visited:
            self._note(StepKind.END, target, "the chain is a loop")
        else:
            return target
        return None

    def _resolve(self, name: Name) -> Name | None:
        """Put what is known of ``name`` into the sections; return where its alias points."""
        match = self._match(name)
        if match.found is _Found.CUT:
            self._refer(match.node)
        elif match.found is _Found.DNAME:
            return self._redirect(name, match.node)
        elif match.found is _Found.NOTHING:
            self._no_name(name, match.node)
        else:
            return self._use_node(name, match)
        return None

    # Step 3: matching down

    def _match(self, name: Name) -> _Match:
        for node in self.view.path(name):
            if node not in self.view.existing:
                return self._match_wildcard(node.parent())
            if self.view.is_cut(node) and not (node == name and self.qtype == DS):
                return _Match(_Found.CUT, node)
            if node != name and self.view.rrset(node, DNAME) is not None:
                return _Match(_Found.DNAME, node)
        return _Match(_Found.NAME, name)

    def _match_wildcard(self, encloser: Name) -> _Match:
        """RFC 4592 §3.3.1: only the closest encloser's wildcard can be the source."""
        self._note(StepKind.ENCLOSER, encloser, "the longest part of the name that exists")
        wildcard = dns.name.Name((b"*", *encloser.labels))
        if wildcard in self.view.existing:
            self._note(StepKind.WILDCARD, wildcard, "stands in for the name")
            return _Match(_Found.WILDCARD, wildcard)
        return _Match(_Found.NOTHING, encloser)

    # What a match leads to

    def _use_node(self, name: Name, match: _Match) -> Name | None:
        """Step 3a and 3c: data at the name itself or at the wildcard that stands in for it."""
        node = self.view.node(match.node)
        cname = node.get((CNAME, NONE))
        if cname is not None and self.qtype not in _NOT_FOLLOWED:
            return self._alias(name, match, cname)
        rrset = self._matching(node)
        if rrset is None:
            self._no_data(name, match)
        else:
            self._put(name, match, rrset)
            self._note(StepKind.DATA, name, f"has {_type_text(rrset)}")
        return None

    def _matching(self, node: Node) -> ViewRRset | None:
        """The RRset of ``node`` that the question asks for; for ANY and RRSIG, one of those."""
        if self.qtype == ANY:
            return _any_choice(node)
        if self.qtype == RRSIG:
            return _lowest(rrset for rrset in node.values() if rrset.rtype == RRSIG)
        return node.get((self.qtype, NONE))

    def _alias(self, name: Name, match: _Match, cname: ViewRRset) -> Name | None:
        target = cast("CNAMERdata", cname.rdatas[0]).target
        if not self._may_link(name):
            return None
        self._put(name, match, cname)
        self._note(StepKind.LINK, name, f"CNAME to {target}")
        return target

    def _redirect(self, name: Name, owner: Name) -> Name | None:
        """RFC 6672 §3.2: the DNAME, and the CNAME that it means for ``name``."""
        dname = self.view.node(owner)[DNAME, NONE]
        if not self._may_link(name):
            return None
        self.answer.add(self._signed(dname))
        prefix = name.labels[: len(name.labels) - len(owner.labels)]
        try:
            target = dns.name.Name(prefix + cast("DNAMERdata", dname.rdatas[0]).target.labels)
        except dns.name.NameTooLong:
            self.rcode = YXDOMAIN
            self._note(StepKind.END, name, f"the name that the DNAME at {owner} makes is too long")
            return None
        self.answer.add([_synthesized(name, target, dname.ttl)])
        self._note(StepKind.LINK, name, f"DNAME at {owner} makes a CNAME to {target}")
        return None if self.qtype == CNAME else target

    def _may_link(self, name: Name) -> bool:
        """Count a link of the chain; say no when there have been enough."""
        if self.links == MAX_LINKS:
            self._note(StepKind.END, name, f"the chain ends after {MAX_LINKS} links")
            return False
        self.links += 1
        return True

    def _refer(self, cut: Name) -> None:
        """Step 3b: the servers of the zone below, whether it is signed, and glue (RFC 9471)."""
        if not self.answer.rrsets:
            self.aa = False
        servers = self.view.node(cut)[NS, NONE]
        self._note(StepKind.CUT, cut, "what is at and below it is another zone's")
        self.authority.add([servers])
        if self.do and self.view.signed:
            self._say_whether_signed(cut)
        addresses = list(wanted_next(self.view, servers))
        self._add(rrset for rrset in addresses if rrset.owner.is_subdomain(cut))
        self.mandatory = len(self.additional.rrsets)
        self._add(addresses)

    def _say_whether_signed(self, cut: Name) -> None:
        """RFC 4035 §3.1.4: the DS RRset, or the proof that there is none."""
        secure = self.view.rrset(cut, DS)
        if secure is None:
            self._prove(self.denial.no_data(cut))
        else:
            self.authority.add(self._signed(secure))

    def _no_name(self, name: Name, encloser: Name) -> None:
        """RFC 8020 and RFC 2308 §2.1."""
        self.rcode = NXDOMAIN
        self._note(StepKind.NO_NAME, name, "does not exist, and no wildcard stands in for it")
        self._deny(self.denial.no_name(name, encloser))

    def _no_data(self, name: Name, match: _Match) -> None:
        """RFC 2308 §2.2; an empty non-terminal has no data of any type."""
        what = "exists, without such a type" if self.view.node(match.node) else "owns nothing"
        self._note(StepKind.NO_DATA, match.node, what)
        if match.found is _Found.WILDCARD:
            self._deny(self.denial.no_wildcard_data(name, match.node.parent()))
        else:
            self._deny(self.denial.no_data(name))

    def _deny(self, proofs: Proofs) -> None:
        """Add the SOA with its negative TTL (RFC 2308 §3, §5), then the proofs."""
        soa = self.view.node(self.view.apex)[SOA, NONE]
        ttl = min(soa.ttl, cast("SOARdata", soa.rdatas[0]).minimum)
        self.authority.add(replace(rrset, ttl=ttl) for rrset in self._signed(soa))
        self._prove(proofs)

    # Putting RRsets into sections

    def _put(self, name: Name, match: _Match, rrset: ViewRRset) -> None:
        """Add to the answer, under the name asked for; prove that a wildcard was needed."""
        self.answer.add(replace(found, owner=name) for found in self._signed(rrset))
        if match.found is _Found.WILDCARD:
            self._prove(self.denial.expansion(name, match.node.parent()))

    def _prove(self, proofs: Proofs) -> None:
        if not self.do:
            return
        for proof in proofs:
            self.proofs.add(self._signed(proof.rrset))
            self._note(StepKind.PROOF, proof.rrset.owner, proof.shows)

    def _signed(self, rrset: ViewRRset) -> list[ViewRRset]:
        """Return ``rrset``, and with DO the signatures over it (RFC 4035 §3.1.1)."""
        if not self.do:
            return [rrset]
        signatures = self.view.rrset(rrset.owner, RRSIG, rrset.rtype)
        return [rrset] if signatures is None else [rrset, signatures]

    # Step 6: additional data

    def _add_additional(self) -> None:
        """Data that the client will want next (RFC 1034 §4.3.2 step 6), each RRset once."""
        present = {rrset.key for rrset in (*self.answer.rrsets, *self.authority.rrsets)}
        for rrset in self.answer.rrsets:
            for found in wanted_next(self.view, rrset):
                if found.key not in present:
                    self._add([found])
        for rrset in self.additional.rrsets:
            self._note(StepKind.ADDITIONAL, rrset.owner, _type_text(rrset))

    def _add(self, rrsets: Iterable[ViewRRset]) -> None:
        """Add to the additional section; glue is never signed (RFC 4035 §2.2)."""
        for rrset in rrsets:
            signed = self.view.authoritative(rrset.owner)
            self.additional.add(self._signed(rrset) if signed else [rrset])

    def _note(self, kind: StepKind, name: Name, text: str) -> None:
        self.trace.append(Step(kind, name, text))


def _any_choice(node: Node) -> ViewRRset | None:
    """The one RRset that answers ANY (RFC 8482 §4.1): an address, or the lowest type."""
    plain = _lowest(rrset for rrset in node.values() if rrset.rtype not in _LAST_CHOICE)
    return node.get((A, NONE)) or node.get((AAAA, NONE)) or plain or _lowest(node.values())


def _lowest(rrsets: Iterable[ViewRRset]) -> ViewRRset | None:
    return min(rrsets, key=lambda rrset: (rrset.rtype, rrset.covers), default=None)


def _synthesized(name: Name, target: Name, ttl: int) -> ViewRRset:
    rdata = dns.rdata.from_text(IN, CNAME, target.to_text())
    return ViewRRset(name, CNAME, NONE, ttl, (rdata,))


def _type_text(rrset: ViewRRset) -> str:
    return f"RRSIG of {rrset.covers.name}" if rrset.covers else rrset.rtype.name
