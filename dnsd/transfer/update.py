"""Dynamic updates (RFC 2136): the effect of an update on a zone, within the client's rights.

:func:`edit` is a pure function of the request, the client's rights, and the current RRsets of the
names concerned. An update is carried out as a whole or not at all. Signed zones are not updated:
the changed records would have no signatures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dns.rdatatype import RdataType

from dnsd.transfer.updatemessage import (
    ANY,
    IN,
    NONE,
    NXDOMAIN,
    NXRRSET,
    REFUSED,
    YXDOMAIN,
    YXRRSET,
    UpdateRecord,
    UpdateRefused,
    UpdateRequest,
)
from dnsd.wire.name import is_subdomain, to_text
from dnsd.wire.rdata import ANY as ANY_TYPE
from dnsd.wire.rdata import CNAME, DNAME, DNSKEY, NS, NSEC, RRSIG, SOA, canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALONE = frozenset((CNAME, DNAME, SOA))
"""Types of which a name has one record: a new one replaces it (RFC 2136 §3.4.2.2)."""

_BESIDE_CNAME = frozenset((CNAME, RRSIG, NSEC))
_KEPT_AT_APEX = frozenset((SOA, NS))
_SIGNED = frozenset((DNSKEY, RRSIG))
_SERIAL_AT = -20
_HALF = 1 << 31


class TimedSet(NamedTuple):
    """The records of one name and type: their TTL in seconds and their data, uncompressed."""

    ttl: int
    rdatas: tuple[bytes, ...]


class UpdatedZone(Protocol):
    """The zone to update."""

    apex: bytes
    """In lower case."""

    def at(self, owner: bytes) -> Mapping[int, TimedSet]:
        """Return the RRsets of the name ``owner`` (lower case) by type."""


class UpdateGrant(NamedTuple):
    """What a client may change: these names (lower case), all names ``below`` others; which types.

    ``types`` is None for all types but SOA and NS.
    """

    names: frozenset[bytes]
    below: tuple[bytes, ...]
    types: frozenset[int] | None

    def allows(self, owner: bytes, rtype: int) -> bool:
        """Tell whether records of this name and type may be changed."""
        if rtype in _KEPT_AT_APEX if self.types is None else rtype not in self.types:
            return False
        return owner in self.names or any(is_subdomain(owner, one) for one in self.below)


@dataclass(slots=True)
class UpdateEffect:
    """The effect of an update on a zone: the new RRsets of all names that it changes.

    ``after[owner][type]``: an RRset without records is removed. ``spelt`` has the spelling of new
    owners.
    """

    after: dict[bytes, dict[int, TimedSet]] = field(default_factory=dict)
    spelt: dict[bytes, bytes] = field(default_factory=dict)


def edit(request: UpdateRequest, zone: UpdatedZone, grants: Iterable[UpdateGrant]) -> UpdateEffect:
    """Return the effect of ``request`` on ``zone``; ``after`` is empty if nothing changes.

    The serial is increased, unless the request sets a newer one. UpdateRefused if a prerequisite
    does not hold, or a change is not granted.
    """
    if _SIGNED & zone.at(zone.apex).keys():
        why = f"{to_text(zone.apex)} is signed: an update would have no signatures"
        raise UpdateRefused(REFUSED, why)
    editing = _Editing(zone, tuple(grants))
    editing.require(request.prerequisites)
    for change in request.changes:
        editing.make(change)
    return editing.finished()


class _Editing:
    """An update in progress, on a copy of the names that it changes."""

    def __init__(self, zone: UpdatedZone, grants: tuple[UpdateGrant, ...]) -> None:
        self._zone = zone
        self._grants = grants
        self._before: dict[bytes, dict[int, TimedSet]] = {}
        self._after: dict[bytes, dict[int, TimedSet]] = {}
        self._spelt: dict[bytes, bytes] = {}

    def _at(self, owner: bytes) -> dict[int, TimedSet]:
        if owner not in self._after:
            self._before[owner] = dict(self._zone.at(owner))
            self._after[owner] = dict(self._before[owner])
        return self._after[owner]

    # -- prerequisites (RFC 2136 §3.2) --------------------------------------------------------

    def require(self, prerequisites: Iterable[UpdateRecord]) -> None:
        """Refuse the update unless all of ``prerequisites`` hold."""
        wanted: dict[tuple[bytes, int], set[bytes]] = {}
        for one in prerequisites:
            if one.rclass == IN:
                wanted.setdefault((one.owner, one.rtype), set()).add(
                    canonical(one.rtype, one.rdata)
                )
            else:
                self._require_one(one)
        for (owner, rtype), rdatas in wanted.items():
            there = self._at(owner).get(rtype)
            if there is None or {canonical(rtype, one) for one in there.rdatas} != rdatas:
                raise UpdateRefused(NXRRSET, f"{to_text(owner)} has other records than required")

    def _require_one(self, one: UpdateRecord) -> None:
        types, name = self._at(one.owner), to_text(one.owner)
        there = bool(types) if one.rtype == ANY_TYPE else one.rtype in types
        if there == (one.rclass == ANY):
            return
        absent, present = (NXDOMAIN, YXDOMAIN) if one.rtype == ANY_TYPE else (NXRRSET, YXRRSET)
        if there:
            raise UpdateRefused(present, f"{name} has records that it must not have")
        raise UpdateRefused(absent, f"{name} does not have the records that it must have")

    # -- changes (RFC 2136 §3.4.2) ------------------------------------------------------------

    def make(self, change: UpdateRecord) -> None:
        """Make one change; UpdateRefused if it is not granted."""
        if change.rtype != ANY_TYPE:
            self._claim(change.owner, change.rtype)
        if change.rclass == IN:
            self._add(change)
        elif change.rclass == NONE:
            self._delete_record(change)
        else:
            self._delete_sets(change)

    def _claim(self, owner: bytes, rtype: int) -> None:
        """Raise UpdateRefused unless a grant allows this name and type."""
        if not any(grant.allows(owner, rtype) for grant in self._grants):
            text = RdataType.to_text(RdataType.make(rtype))
            raise UpdateRefused(REFUSED, f"no grant for {to_text(owner)} {text}")

    def _add(self, change: UpdateRecord) -> None:
        types, rtype = self._at(change.owner), change.rtype
        if rtype == CNAME and types.keys() - _BESIDE_CNAME:
            return
        if rtype not in _BESIDE_CNAME and CNAME in types:
            return
        if rtype == SOA and not self._is_newer(change):
            return
        before = types.get(rtype)
        kept = () if before is None or rtype in _ALONE else before.rdatas
        key = canonical(rtype, change.rdata)
        others = tuple(one for one in kept if canonical(rtype, one) != key)
        if len(others) < len(kept):  # the record exists already, maybe with another TTL
            types[rtype] = TimedSet(change.ttl, kept)
            return
        types[rtype] = TimedSet(change.ttl, (*others, change.rdata))
        self._spelt.setdefault(change.owner, change.spelt)

    def _is_newer(self, change: UpdateRecord) -> bool:
        """Tell whether this is the zone's SOA with a newer serial (RFC 1982 §3.2)."""
        if change.owner != self._zone.apex:
            return False
        grown = _serial(change.rdata) - _serial(self._soa().rdatas[0]) & 0xFFFFFFFF
        return 0 < grown < _HALF

    def _soa(self) -> TimedSet:
        return self._at(self._zone.apex)[SOA]

    def _delete_record(self, change: UpdateRecord) -> None:
        types, rtype = self._at(change.owner), change.rtype
        before = types.get(rtype)
        if before is None or rtype == SOA:
            return
        key = canonical(rtype, change.rdata)
        left = tuple(one for one in before.rdatas if canonical(rtype, one) != key)
        if not left and change.owner == self._zone.apex and rtype == NS:
            return
        types[rtype] = TimedSet(before.ttl, left)
        if not left:
            del types[rtype]

    def _delete_sets(self, change: UpdateRecord) -> None:
        types = self._at(change.owner)
        wanted = tuple(types) if change.rtype == ANY_TYPE else (change.rtype,)
        for rtype in wanted:
            if change.owner == self._zone.apex and rtype in _KEPT_AT_APEX:
                continue
            if rtype in types:
                self._claim(change.owner, rtype)
                del types[rtype]

    # -- what comes of it ---------------------------------------------------------------------

    def finished(self) -> UpdateEffect:
        """Return what has changed, with an increased serial (RFC 2136 §3.6)."""
        touched = {one for one, types in self._after.items() if types != self._before[one]}
        if not touched:
            return UpdateEffect()
        soa = self._soa()
        touched.add(self._zone.apex)
        if self._before[self._zone.apex].get(SOA) == soa:
            self._after[self._zone.apex][SOA] = soa._replace(rdatas=(_grown(soa.rdatas[0]),))
        spelt = {one: self._spelt[one] for one in touched & self._spelt.keys()}
        return UpdateEffect({one: self._after[one] for one in touched}, spelt)


def _serial(rdata: bytes) -> int:
    return int.from_bytes(rdata[_SERIAL_AT : _SERIAL_AT + 4], "big")


def _grown(rdata: bytes) -> bytes:
    """Return the SOA data with the next serial; 0 is skipped (RFC 2136 §7.11)."""
    serial = (_serial(rdata) + 1 & 0xFFFFFFFF) or 1
    return rdata[:_SERIAL_AT] + serial.to_bytes(4, "big") + rdata[_SERIAL_AT + 4 :]
