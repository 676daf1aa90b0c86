"""A pool of CNAME records against its zone: where it may stand, and where its members lead.

Knows both as they were loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.wire.member import packed, shown
from dnsd.wire.name import (
    MAX_NAME,
    from_text,
    is_subdomain,
    lower,
    parent,
    to_text,
    wildcard_of,
)
from dnsd.wire.rdata import CNAME, DNAME
from dnsd.zone.findings import Severity
from dnsd.zone.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config.policy import Policy, PoolPolicy
    from dnsd.zone.records import RRset, Zone


class Fault(NamedTuple):
    """What is wrong, and with which key of the pool."""

    key: str
    code: str
    message: str
    severity: Severity = Severity.ERROR


def misplaced(owner: bytes, zone: Zone) -> str:
    """Return why there is no CNAME at ``owner`` that could be a pool; empty if it only lacks."""
    if owner == zone.apex:
        return (
            "the apex of a zone cannot have a CNAME, because it has SOA and NS records (RFC 1034 "
            '§3.6.2): give the pool addresses there, and say type = "A" or "AAAA"; or let '
            "the addresses follow a name, with [[alias]]"
        )
    if others := sorted(zone.at(owner)):
        return (
            f"has no CNAME, but {len(others)} other {'types' if len(others) > 1 else 'type'} of "
            "records, and a CNAME cannot stand beside others (RFC 1034 §3.6.2)"
        )
    return ""


def faults(pool: PoolPolicy, rrset: RRset, policy: Policy, zone: Zone) -> Iterator[Fault]:
    """Return what is wrong with ``pool``, whose CNAME in the zone is ``rrset``."""
    target = shown(CNAME, rrset.rdatas[0])
    if target not in pool.members:
        yield Fault(
            "members",
            "pool-target",
            f"lack {target}, the target of the CNAME in the zone ({rrset.file}:{rrset.line}): "
            f"other servers of the zone answer with it, and so does this one until members are "
            f"checked",
        )
    every = (*pool.members, *pool.fallback)
    inside = [one for one in every if is_subdomain(packed(one), zone.apex)]
    if not inside:
        return
    ways = _Ways(policy, zone)
    for member in inside:
        key = "fallback" if member in pool.fallback else "members"
        if way := ways.back_to(pool, member):
            told = " → ".join(to_text(name) for name in way)
            yield Fault(key, "pool-loop", f"{member} leads back to the pool: {told}")
        elif not ways.exists(member):
            message = f"there is no {member} in the zone: clients that follow it get NXDOMAIN"
            yield Fault(key, "pool-target", message, Severity.WARNING)


class _Ways:
    """Where aliases of a zone lead, by whatever members its pools answer."""

    def __init__(self, policy: Policy, zone: Zone) -> None:
        self._zone = zone
        self._structure = Structure(zone)
        self._pools = {from_text(pool.name): pool for pool in policy.pools if pool.is_alias}

    def back_to(self, pool: PoolPolicy, member: str) -> list[bytes]:
        """Return the way on which ``member`` leads to ``pool`` again, empty if it does not."""
        start = from_text(pool.name)
        ways = [[packed(member)]]
        known: set[bytes] = set()
        while ways:
            way = ways.pop()
            name = way[-1]
            if name in known or not is_subdomain(name, self._zone.apex):
                continue
            known.add(name)
            source, encloser = self._find(name)
            if source == start:
                return way
            ways += [[*way, target] for target in self._targets(name, source, encloser)]
        return []

    def exists(self, member: str) -> bool:
        """Return whether the zone, or one below it, may answer something for ``member``."""
        source, encloser = self._find(packed(member))
        above = encloser in self._structure.cuts or encloser in self._structure.dnames
        return source is not None or above

    def _find(self, name: bytes) -> tuple[bytes | None, bytes]:
        """Return the owner whose records a query for ``name`` gets, and the closest encloser."""
        encloser = name
        while not self._structure.has(encloser):
            encloser = parent(encloser)
        if encloser == name:
            return name, name
        wildcard = wildcard_of(encloser)
        return wildcard if self._structure.has(wildcard) else None, encloser

    def _targets(self, name: bytes, source: bytes | None, encloser: bytes) -> Iterator[bytes]:
        if DNAME in (above := self._zone.at(encloser)) and encloser != name:
            made = name[: len(name) - len(encloser)] + lower(above[DNAME].rdatas[0])
            if len(made) <= MAX_NAME:
                yield made
        elif source in self._pools:
            pool = self._pools[source]
            yield from map(packed, (*pool.members, *pool.fallback))
        elif source is not None and CNAME in (types := self._zone.at(source)):
            yield lower(types[CNAME].rdatas[0])
