"""Signatures for the answers of pools in a signed zone: one for each set of records there can be.

Knows zone, policy and keys; whether a pool can be signed is checked before, by
:mod:`dnsd.build.signedcheck`. dnspython signs. Signatures are made once, when the zone is
built: their Original TTL is the zone file's, and with any shorter TTL they hold as well.
"""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataset
from dns.exception import ValidationFailure
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.NSEC3 import NSEC3
from dns.rdtypes.ANY.RRSIG import RRSIG
from dns.rdtypes.util import Bitmap

from dnsd.build.keys import zone_keys
from dnsd.build.policypools import TYPES, members_of
from dnsd.compile.denial import UnpaidChain, chain_of
from dnsd.image.selection import Members
from dnsd.wire import rdata as rr
from dnsd.wire.member import packed
from dnsd.wire.name import from_text, lower
from dnsd.zone.records import RRset
from dnsd.zone.structure import Structure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dns.name import Name
    from dns.rdata import Rdata
    from dns.rdataset import Rdataset

    from dnsd.build.keys import SigningKey
    from dnsd.compile.denial import DenialChain
    from dnsd.config.policy import PoolPolicy
    from dnsd.zone.records import Zone

    Plan = list[tuple[SigningKey, RRSIG]]


def masks(pool: PoolPolicy, members: int) -> Iterator[Members]:
    """Return every set of members that ``pool`` can answer with, each once.

    So many ``members`` it has; those of the fallback follow them. As long as the pool is undecided,
    the answer has all addresses, whatever the policy selects; of CNAME records it has one.
    """
    every = Members.of(range(members))
    fallback = Members.of(range(members, members + len(pool.fallback)))
    take = pool.take
    if take is None:
        yield from map(Members, range(1, every + 1))
        if fallback:
            yield fallback
        return
    for count in range(1, min(take, members) + 1):
        yield from _sets(range(members), count)
    if fallback:
        yield from _sets(
            range(members, members + len(pool.fallback)), min(take, len(pool.fallback))
        )
    if members > take and not pool.is_alias:
        yield every


def _sets(numbers: Iterable[int], count: int) -> Iterator[Members]:
    """Return every set of ``count`` of the members with these ``numbers``."""
    for chosen in combinations(numbers, count):
        yield Members.of(chosen)


class Signer:
    """Signs for ``zone``; without ``keys`` it has what stands in the zone file."""

    def __init__(self, zone: Zone, keys: Iterable[SigningKey] = ()) -> None:
        self._zone = zone
        self._keys = tuple(keys)
        self.has_keys = bool(self._keys)
        self._apex = _name(zone.apex)

    def signatures_of(self, rrset: RRset) -> RRset | None:
        """Return the RRSIGs of ``rrset`` that stand in the zone file, if there are any."""
        return self._zone.signatures.get(lower(rrset.owner), {}).get(rrset.rtype)

    def signatures(self, pool: PoolPolicy) -> dict[int, RRset]:
        """Return the RRSIGs of each answer of ``pool`` by its mask; none in an unsigned zone.

        They are valid from and until when those in the zone file are, so that nobody has to sign
        the zone again any earlier.
        """
        rtype = TYPES[pool.type]
        rrset = self._zone.at(from_text(pool.name))[rtype]
        own = self.signatures_of(rrset)
        if own is None:
            return {}
        members = members_of(pool, rrset)
        rdatas = tuple(map(packed, (*members, *pool.fallback)))
        in_zone = {lower(one) if pool.is_alias else one for one in rrset.rdatas}
        signed = Members.where(rdatas, in_zone)
        if not self.has_keys:
            return {signed: own}
        plan = _plan(self._keys, own)
        found: dict[int, RRset] = {}
        for mask in masks(pool, len(members)):
            chosen = Members(mask).pick(rdatas)
            answer = RRset(rrset.owner, rtype, rrset.ttl, chosen)
            ready = self._valid(answer, own) if mask == signed else ()
            found[mask] = _rrsigs(answer, ready or self._sign(answer, plan))
        return found

    def sign_again(self, rrset: RRset) -> RRset | None:
        """Return RRSIGs for ``rrset``, in place of those of an RRset that it was made from.

        None if that is not signed, or there is no key.
        """
        own = self.signatures_of(rrset)
        if own is None or not self.has_keys:
            return None
        return _rrsigs(rrset, self._sign(rrset, _plan(self._keys, own)))

    def denial(self, pool: PoolPolicy) -> tuple[RRset, RRset] | None:
        """Return what proves that ``pool`` has no records, with its RRSIGs.

        None if that is never said, or the zone has nothing to prove it with.
        """
        if pool.all_down != "nodata" or not self.has_keys:
            return None
        record = self._chain.match(from_text(pool.name))
        own = self.signatures_of(record) if record else None
        if record is None or own is None:
            return None
        if isinstance(self._chain, UnpaidChain):
            return record, own  # it proves nothing, and says so
        rdata = _without(TYPES[pool.type], record)
        denied = RRset(record.owner, record.rtype, record.ttl, (rdata,))
        return denied, _rrsigs(denied, self._sign(denied, _plan(self._keys, own)))

    @cached_property
    def _chain(self) -> DenialChain:
        return chain_of(self._zone, Structure(self._zone))

    def _sign(self, answer: RRset, plan: Plan) -> tuple[bytes, ...]:
        """Return an RRSIG of ``answer`` for each step of ``plan``."""
        signed = as_dnspython(answer)
        return tuple(
            dns.dnssec.sign(
                signed,
                key.private,
                self._apex,
                key.dnskey,
                inception=model.inception,
                expiration=model.expiration,
            ).to_digestable()
            for key, model in plan
        )

    def _valid(self, answer: RRset, own: RRset) -> tuple[bytes, ...]:
        """Return those of the RRSIGs ``own`` that hold, nothing unless they are enough.

        When they hold is not looked at: the others are for the same time.
        """
        signed = as_dnspython(answer)
        keys = dns.rdataset.from_rdata_list(0, zone_keys(self._zone))
        found = {}
        for rdata in own.rdatas:
            rrsig = rrsig_of(rdata)
            try:
                dns.dnssec.validate_rrsig(signed, rrsig, {self._apex: keys}, now=rrsig.inception)
            except ValidationFailure:
                continue
            if rrsig.original_ttl == answer.ttl:
                found[rdata] = rrsig.algorithm
        wanted = {key.dnskey.algorithm for key in self._keys}
        return tuple(found) if wanted <= set(found.values()) else ()


def _plan(keys: tuple[SigningKey, ...], own: RRset) -> Plan:
    """Return who signs instead of the RRSIGs ``own``, and which of these gives the times."""
    covered = [rrsig_of(rdata) for rdata in own.rdatas]
    return [(key, _model(key, covered)) for key in _chosen(keys, covered)]


def _chosen(keys: tuple[SigningKey, ...], covered: list[RRSIG]) -> Iterator[SigningKey]:
    """Return those who sign: of each algorithm the keys that sign in the zone, else the first.

    So a key that is published before it is used waits here as long as it does there.
    """
    signing = {(one.algorithm, one.key_tag) for one in covered}
    by_algorithm: dict[int, list[SigningKey]] = {}
    for key in keys:
        by_algorithm.setdefault(key.dnskey.algorithm, []).append(key)
    for algorithm, same in by_algorithm.items():
        in_use = [one for one in same if (algorithm, dns.dnssec.key_id(one.dnskey)) in signing]
        yield from in_use or same[:1]


def _model(key: SigningKey, covered: list[RRSIG]) -> RRSIG:
    """Return the RRSIG of the zone that ``key`` takes its times from: the one that is most like it.

    Of those alike the one that lasts longest, which is what counts for the zone, too.
    """
    tag = dns.dnssec.key_id(key.dnskey)
    start = covered[0].inception
    return max(
        covered,
        key=lambda one: (
            one.algorithm == key.dnskey.algorithm,
            one.key_tag == tag,
            # RFC 4034 §3.1.5: times are serial numbers
            (one.expiration - start + (1 << 31)) % (1 << 32),
        ),
    )


def _without(rtype: int, record: RRset) -> bytes:
    """Return the rdata of ``record`` (NSEC, NSEC3) without the bit of ``rtype``."""
    rdata = _rdata(record.rtype, record.rdatas[0])
    assert isinstance(rdata, NSEC | NSEC3)
    types = [
        RdataType.make(window << 8 | at)
        for window, octets in rdata.windows
        for at in range(8 * len(octets))
        if octets[at >> 3] & 0x80 >> (at & 7)
    ]
    left = Bitmap.from_rdtypes([one for one in types if one != rtype])
    return rdata.replace(windows=left.windows).to_digestable()


def _rrsigs(rrset: RRset, rdatas: tuple[bytes, ...]) -> RRset:
    return RRset(rrset.owner, rr.RRSIG, rrset.ttl, rdatas)


def rrsig_of(rdata: bytes) -> RRSIG:
    """Return ``rdata`` of an RRSIG as dnspython has it."""
    found = _rdata(rr.RRSIG, rdata)
    assert isinstance(found, RRSIG)
    return found


def as_dnspython(rrset: RRset) -> tuple[Name, Rdataset]:
    """Return owner and records of ``rrset`` as dnspython has them."""
    rdatas = [_rdata(rrset.rtype, one) for one in rrset.rdatas]
    return _name(rrset.owner), dns.rdataset.from_rdata_list(rrset.ttl, rdatas)


def _rdata(rtype: int, octets: bytes) -> Rdata:
    return dns.rdata.from_wire(IN, RdataType.make(rtype), octets, 0, len(octets))


def _name(wire: bytes) -> Name:
    return dns.name.from_wire(wire, 0)[0]
