"""The additional section: what a client asks for next, if the zone has it (RFC 1034 §4.3.2).

Part of the oracle (:mod:`dnsd.zone.lookup`). It follows a name only where it stands in the
zone by itself: neither aliases nor wildcards are resolved for the additional section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import dns.name
from dns.rdatatype import AAAA, HTTPS, MX, NS, SRV, SVCB, A, RdataType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dns.name import Name
    from dns.rdata import Rdata
    from dns.rdtypes.ANY.MX import MX as MXRdata
    from dns.rdtypes.ANY.NS import NS as NSRdata
    from dns.rdtypes.IN.SRV import SRV as SRVRdata
    from dns.rdtypes.svcbbase import SVCBBase

    from dnsd.zone.view import View, ViewRRset

_ADDRESSES = (A, AAAA)


def wanted_next(view: View, rrset: ViewRRset) -> Iterator[ViewRRset]:
    """Return the RRsets of the zone that ``rrset`` makes a client ask for; some may repeat."""
    for rdata in rrset.rdatas:
        for target, rtypes in _pointed_at(rrset, rdata):
            yield from _visible(view, target, rtypes)


def _visible(view: View, name: Name, rtypes: tuple[RdataType, ...]) -> Iterator[ViewRRset]:
    """Authoritative data of these types, or glue (RFC 1034 §4.2.1): addresses only."""
    if not name.is_subdomain(view.apex) or not view.address_visible(name):
        return
    for rtype in rtypes:
        rrset = view.rrset(name, rtype)
        if rrset is not None and (rtype in _ADDRESSES or view.authoritative(name)):
            yield rrset


def _pointed_at(rrset: ViewRRset, rdata: Rdata) -> Iterator[tuple[Name, tuple[RdataType, ...]]]:
    """The names in ``rdata`` that a client goes to, with the types it asks for there."""
    if rrset.rtype == NS:
        yield cast("NSRdata", rdata).target, _ADDRESSES
    elif rrset.rtype == MX:
        yield cast("MXRdata", rdata).exchange, _ADDRESSES
    elif rrset.rtype == SRV:
        yield cast("SRVRdata", rdata).target, _ADDRESSES
    elif rrset.rtype in {SVCB, HTTPS}:
        yield _service(rrset, cast("SVCBBase", rdata))


def _service(rrset: ViewRRset, rdata: SVCBBase) -> tuple[Name, tuple[RdataType, ...]]:
    """RFC 9460 §4.1: an alias (priority 0) leads to more SVCB; "." is the owner (§2.5.2).

    A wildcard's "." stays ".": the owner is whatever was asked for, and nobody goes to the
    wildcard itself.
    """
    if rdata.priority == 0:
        return rdata.target, (rrset.rtype, *_ADDRESSES)
    if rdata.target == dns.name.root and not rrset.owner.is_wild():
        return rrset.owner, _ADDRESSES
    return rdata.target, _ADDRESSES
