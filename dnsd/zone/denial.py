"""Which NSEC or NSEC3 records prove that something is not there (RFC 4035 §3.1.3, RFC 5155 §7.2).

Part of the oracle (:mod:`dnsd.zone.lookup`): the chain is searched from end to end each time.
It knows the chain of one zone and trusts it: a zone whose chain is broken gets poor proofs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import dns.dnssec
import dns.name
from dns.rdatatype import NSEC, NSEC3, NSEC3PARAM

from dnsd.zone.hashing import is_proven
from dnsd.zone.view import NONE

if TYPE_CHECKING:
    from dns.name import Name
    from dns.rdtypes.ANY.NSEC3 import NSEC3 as NSEC3Rdata
    from dns.rdtypes.ANY.NSEC3PARAM import NSEC3PARAM as NSEC3PARAMRdata

    from dnsd.zone.view import View, ViewRRset

_SHA1 = 1


class Proof(NamedTuple):
    """One denying RRset and, for the reader, what it shows."""

    rrset: ViewRRset
    shows: str


Proofs = tuple[Proof, ...]


class Denial(Protocol):
    """The proofs of one zone; ``encloser`` is the closest encloser of ``name``."""

    def no_name(self, name: Name, encloser: Name, /) -> Proofs:
        """Prove that neither ``name`` nor a wildcard that would match it exists."""
        ...

    def no_data(self, name: Name, /) -> Proofs:
        """Prove that ``name``, which exists, has no such type."""
        ...

    def expansion(self, name: Name, encloser: Name, /) -> Proofs:
        """Prove that ``name`` does not exist, so that its wildcard was rightly used."""
        ...

    def no_wildcard_data(self, name: Name, encloser: Name, /) -> Proofs:
        """Prove that ``name`` does not exist and that its wildcard has no such type."""
        ...


def denial_of(view: View) -> Denial:
    """Return the kind of proofs that the zone has records for."""
    if view.rrset(view.apex, NSEC) is not None:
        return NsecDenial(view)
    announced = view.rrset(view.apex, NSEC3PARAM)
    for rdata in announced.rdatas if announced else ():
        params = cast("NSEC3PARAMRdata", rdata)
        # others are ignored (RFC 5155 §4.1.2, §8.1)
        if params.algorithm == _SHA1 and params.flags == 0:
            denial = Nsec3Denial(view, params)
            if denial.has_chain and not is_proven(params.iterations):
                return UnpaidDenial(denial.first)
            if denial.has_chain:
                return denial
    return NoDenial()


class NoDenial:
    """An unsigned zone proves nothing."""

    def _nothing(self, *_: Name) -> Proofs:
        return ()

    no_name = no_data = expansion = no_wildcard_data = _nothing


class NsecDenial:
    """RFC 4035 §3.1.3: owners stand in canonical order, each NSEC spans the gap behind it."""

    def __init__(self, view: View) -> None:
        found = (view.rrset(owner, NSEC) for owner in view.nodes)
        self._chain = [rrset for rrset in found if rrset is not None]

    def no_name(self, name: Name, encloser: Name) -> Proofs:
        """See RFC 4035 §3.1.3.2."""
        return (*self._span(name), *self._span(_wildcard(encloser)))

    def no_data(self, name: Name) -> Proofs:
        """See RFC 4035 §3.1.3.1; an empty non-terminal has no NSEC, but is covered by one."""
        return self._span(name)

    def expansion(self, name: Name, _encloser: Name) -> Proofs:
        """See RFC 4035 §3.1.3.3."""
        return self._span(name)

    def no_wildcard_data(self, name: Name, encloser: Name) -> Proofs:
        """See RFC 4035 §3.1.3.4."""
        return (*self._span(_wildcard(encloser)), *self._span(name))

    def _span(self, name: Name) -> Proofs:
        """Return the last NSEC at or before ``name``; the apex's comes before every other."""
        rrset = max(
            (rrset for rrset in self._chain if rrset.owner <= name), key=lambda rrset: rrset.owner
        )
        if rrset.owner == name:
            return (Proof(rrset, f"{name} owns these types and no other"),)
        return (Proof(rrset, f"nothing is owned at {name}"),)


class Nsec3Denial:
    """RFC 5155 §7.2: the same with hashed owners; opt-out spans may hide insecure delegations."""

    def __init__(self, view: View, params: NSEC3PARAMRdata) -> None:
        self._apex = view.apex
        self._params = params
        self._chain = {
            owner.labels[0].upper(): node[NSEC3, NONE]
            for owner, node in view.nodes.items()
            if (NSEC3, NONE) in node and self._is_ours(node[NSEC3, NONE])
        }

    @property
    def has_chain(self) -> bool:
        """Whether there is an NSEC3 with these parameters."""
        return bool(self._chain)

    @property
    def first(self) -> ViewRRset:
        """The NSEC3 with the lowest hash."""
        return self._chain[min(self._chain)]

    def no_name(self, name: Name, _encloser: Name) -> Proofs:
        """See RFC 5155 §7.2.2.

        The wildcard is denied at the closest *provable* encloser: it is the only one that a
        validator learns of when the closest encloser lies in an opt-out span.
        """
        proofs = self._encloser_proof(name)
        return (*proofs, *self._span(_wildcard(self._provable(name)), "no wildcard"))

    def no_data(self, name: Name) -> Proofs:
        """See RFC 5155 §7.2.3, §7.2.4, §7.2.7: a name that is not in the chain was opted out."""
        return self._match(name) or self._encloser_proof(name)

    def expansion(self, name: Name, encloser: Name) -> Proofs:
        """See RFC 5155 §7.2.6."""
        return self._span(_below(encloser, name), "no next closer name")

    def no_wildcard_data(self, name: Name, encloser: Name) -> Proofs:
        """See RFC 5155 §7.2.5."""
        return (
            *self._match(encloser),
            *self._span(_below(encloser, name), "no next closer name"),
            *self.no_data(_wildcard(encloser)),
        )

    def _encloser_proof(self, name: Name) -> Proofs:
        """See RFC 5155 §7.2.1."""
        encloser = self._provable(name)
        return (
            *self._match(encloser),
            *self._span(_below(encloser, name), "no next closer name"),
        )

    def _provable(self, name: Name) -> Name:
        """Return the closest encloser that has an NSEC3 of its own, above ``name``."""
        while name != self._apex:
            name = name.parent()
            if self._match(name):
                break
        return name

    def _match(self, name: Name) -> Proofs:
        rrset = self._chain.get(self._hash(name))
        if rrset is None:
            return ()
        return (Proof(rrset, f"{name} exists with these types and no other"),)

    def _span(self, name: Name, shows: str) -> Proofs:
        """Return the NSEC3 with the last hash at or before that of ``name``, round the ring."""
        if not self._chain:
            return ()
        wanted = self._hash(name)
        before = [hashed for hashed in self._chain if hashed <= wanted]
        rrset = self._chain[max(before or self._chain)]
        return (Proof(rrset, f"{shows}: {name} ({wanted.decode().lower()})"),)

    def _hash(self, name: Name) -> bytes:
        params = self._params
        hashed = dns.dnssec.nsec3_hash(name, params.salt, params.iterations, params.algorithm)
        return hashed.encode().upper()

    def _is_ours(self, rrset: ViewRRset) -> bool:
        """Tell whether an NSEC3 is of the chain that NSEC3PARAM announces."""
        rdata = cast("NSEC3Rdata", rrset.rdatas[0])
        params = self._params
        return (rdata.algorithm, rdata.iterations, rdata.salt or b"") == (
            params.algorithm,
            params.iterations,
            params.salt or b"",
        )


class UnpaidDenial:
    """NSEC3 with more iterations than validators check: any record tells them so."""

    def __init__(self, rrset: ViewRRset) -> None:
        self._proofs = (Proof(rrset, "too many iterations: insecure (RFC 9276)"),)

    def _all(self, *_: Name) -> Proofs:
        return self._proofs

    no_name = no_data = expansion = no_wildcard_data = _all


def _wildcard(encloser: Name) -> Name:
    return dns.name.Name((b"*", *encloser.labels))


def _below(encloser: Name, name: Name) -> Name:
    """Return the next closer name: one label longer than ``encloser`` (RFC 5155 §1.3)."""
    return dns.name.Name(name.labels[-len(encloser.labels) - 1 :])
