"""The NSEC or NSEC3 chain of a signed zone: which record proves what (RFC 4035 §3.1.3, 5155 §7.2).

Answers with RRsets of the zone; how they get into an image is ``image``'s business.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from typing import TYPE_CHECKING, Protocol

from dnsd.image import layout
from dnsd.wire import name as names
from dnsd.wire.rdata import NSEC, NSEC3, NSEC3PARAM
from dnsd.zone.hashing import is_proven

if TYPE_CHECKING:
    from dnsd.zone.records import RRset, Zone
    from dnsd.zone.structure import Structure


_SHA1_NO_FLAGS = b"\x01\x00"
"""How the NSEC3PARAM of a chain that can be used begins."""


class DenialChain(Protocol):
    """A chain of denial records. All names are in lower case; an unprovable step is left out."""

    kind: int
    """``layout.NO_DENIAL``, ``NSEC_CHAIN`` or ``NSEC3_CHAIN``."""
    keys: list[bytes]
    """The chain's keys in order: canonical keys of owners, or hashes."""
    records: list[RRset]
    """The records, in the order of ``keys``."""

    def match(self, name: bytes, /) -> RRset | None:
        """Return the record that shows which types the existing ``name`` has, if there is one."""
        ...

    def cover(self, name: bytes, /) -> RRset | None:
        """Return the record whose span holds ``name``, which has none of its own."""
        ...

    def nodata(self, name: bytes, /) -> list[RRset | None]:
        """Prove that the existing ``name`` lacks a type (or a cut its DS)."""
        ...

    def nxdomain(self, name: bytes, encloser: bytes, /) -> list[RRset | None]:
        """Prove that ``name`` does not exist and no wildcard gives it."""
        ...

    def expanded(self, name: bytes, encloser: bytes, /) -> list[RRset | None]:
        """Prove that ``name`` itself does not exist, so that the wildcard applies."""
        ...

    def expanded_nodata(self, name: bytes, encloser: bytes, /) -> list[RRset | None]:
        """Prove the same, and that the wildcard lacks the type."""
        ...


class NoDenialChain:
    """An unsigned zone: nothing can be proved."""

    kind = layout.NO_DENIAL

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.records: list[RRset] = []

    def match(self, _name: bytes, /) -> RRset | None:
        return None

    def cover(self, _name: bytes, /) -> RRset | None:
        return None

    def nodata(self, _name: bytes, /) -> list[RRset | None]:
        return []

    def nxdomain(self, _name: bytes, _encloser: bytes, /) -> list[RRset | None]:
        return []

    expanded = expanded_nodata = nxdomain


class _Chain:
    """A sorted chain; the last record's span goes on past the end to the first."""

    def __init__(self, entries: list[tuple[bytes, RRset]]) -> None:
        entries.sort(key=lambda entry: entry[0])
        self.keys = [key for key, _ in entries]
        self.records = [record for _, record in entries]

    def at(self, key: bytes) -> RRset | None:
        place = bisect_right(self.keys, key) - 1
        return self.records[place] if self.keys[place] == key else None

    def before(self, key: bytes) -> RRset:
        return self.records[bisect_right(self.keys, key) - 1]


class NsecChain:
    """Plain NSEC (RFC 4034 §4)."""

    kind = layout.NSEC_CHAIN

    def __init__(self, zone: Zone, structure: Structure) -> None:
        self._chain = _Chain(
            [
                (names.canonical_key(owner), types[NSEC])
                for owner, types in zone.nodes.items()
                if NSEC in types and owner not in structure.occluded
            ]
        )
        self._ents = structure.ents
        self.keys, self.records = self._chain.keys, self._chain.records

    def match(self, name: bytes) -> RRset | None:
        # an empty non-terminal has no NSEC: the span it lies in shows that it has no data
        key = names.canonical_key(name)
        return self._chain.before(key) if name in self._ents else self._chain.at(key)

    def cover(self, name: bytes) -> RRset | None:
        return self._chain.before(names.canonical_key(name))

    def nodata(self, name: bytes) -> list[RRset | None]:
        return [self.match(name)]

    def nxdomain(self, name: bytes, encloser: bytes) -> list[RRset | None]:
        return [self.cover(name), self.cover(names.wildcard_of(encloser))]

    def expanded(self, name: bytes, _encloser: bytes, /) -> list[RRset | None]:
        return [self.cover(name)]

    def expanded_nodata(self, name: bytes, encloser: bytes) -> list[RRset | None]:
        return [self.match(names.wildcard_of(encloser)), self.cover(name)]


class Nsec3Chain:
    """Hashed denial (RFC 5155), with the parameters that the apex NSEC3PARAM names."""

    kind = layout.NSEC3_CHAIN

    def __init__(self, zone: Zone, parameters: bytes, owners: list[tuple[bytes, RRset]]) -> None:
        self.iterations = int.from_bytes(parameters[2:4], "big")
        self.salt = parameters[5 : 5 + parameters[4]]
        self._chain = _Chain(owners)
        self.keys, self.records = self._chain.keys, self._chain.records
        self.apex = zone.apex

    def hash(self, name: bytes) -> bytes:
        """Return the NSEC3 hash of ``name`` (RFC 5155 §5)."""
        digest = hashlib.sha1(name + self.salt, usedforsecurity=False).digest()
        for _ in range(self.iterations):
            digest = hashlib.sha1(digest + self.salt, usedforsecurity=False).digest()
        return digest

    def match(self, name: bytes) -> RRset | None:
        return self._chain.at(self.hash(name))

    def cover(self, name: bytes) -> RRset | None:
        return self._chain.before(self.hash(name))

    def nodata(self, name: bytes) -> list[RRset | None]:
        # under opt-out an insecure cut, or an empty non-terminal above one, has no record
        match = self.match(name)
        if match or name == self.apex:
            return [match]
        return self._closest_encloser(name, names.parent(name))

    def nxdomain(self, name: bytes, encloser: bytes) -> list[RRset | None]:
        proof = self._closest_encloser(name, encloser)
        return [*proof, self.cover(names.wildcard_of(self._provable(encloser)))]

    def expanded(self, name: bytes, encloser: bytes) -> list[RRset | None]:
        return [self.cover(_next_closer(name, encloser))]

    def expanded_nodata(self, name: bytes, encloser: bytes) -> list[RRset | None]:
        proof = self._closest_encloser(name, encloser)
        return [*proof, self.match(names.wildcard_of(encloser))]

    def _closest_encloser(self, name: bytes, encloser: bytes) -> list[RRset | None]:
        """The closest encloser proof (RFC 5155 §7.2.1), from the closest *provable* encloser."""
        provable = self._provable(encloser)
        return [self.match(provable), self.cover(_next_closer(name, provable))]

    def _provable(self, name: bytes) -> bytes:
        while name != self.apex and self.match(name) is None:
            name = names.parent(name)
        return name


class UnpaidChain:
    """An NSEC3 chain with more iterations than validators check: one record stands for all.

    It goes along with each negative answer, so that validators see the iterations, and treat the
    answer as insecure (RFC 9276 §3.2). For an image it is an NSEC chain of one record, whose span
    holds every name: nothing is hashed.
    """

    kind = layout.NSEC_CHAIN

    def __init__(self, chain: list[tuple[bytes, RRset]]) -> None:
        _, self.record = min(chain, key=lambda entry: entry[0])
        self.keys, self.records = [b""], [self.record]

    def match(self, _name: bytes, /) -> RRset | None:
        return self.record

    cover = match

    def nodata(self, _name: bytes, /) -> list[RRset | None]:
        return [self.record]

    def nxdomain(self, _name: bytes, _encloser: bytes, /) -> list[RRset | None]:
        return [self.record]

    expanded = expanded_nodata = nxdomain


def _next_closer(name: bytes, encloser: bytes) -> bytes:
    """Return the ancestor of ``name`` that has one label more than ``encloser``."""
    while (above := names.parent(name)) != encloser:
        name = above
    return name


def chain_of(zone: Zone, structure: Structure) -> DenialChain:
    """Return the chain that ``zone`` proves with: NSEC when its apex has one, else NSEC3."""
    apex = zone.nodes[zone.apex]
    if NSEC in apex:
        return NsecChain(zone, structure)
    for parameters in apex[NSEC3PARAM].rdatas if NSEC3PARAM in apex else ():
        if parameters[:2] != _SHA1_NO_FLAGS:
            continue  # RFC 5155 §4.1.2, §8.1
        owners = _nsec3_owners(zone, parameters)
        if owners and not is_proven(int.from_bytes(parameters[2:4])):
            return UnpaidChain(owners)
        if owners:
            return Nsec3Chain(zone, parameters, owners)
    return NoDenialChain()


def _nsec3_owners(zone: Zone, parameters: bytes) -> list[tuple[bytes, RRset]]:
    """Return (hash, NSEC3 RRset) of each NSEC3 record of the chain with ``parameters``."""
    wanted = parameters[2:]
    found = []
    for owner, types in zone.nodes.items():
        if NSEC3 not in types or names.parent(owner) != zone.apex:
            continue
        digest = _base32hex(owner[1 : 1 + owner[0]])
        rdata = types[NSEC3].rdatas[0]
        same = rdata[0] == parameters[0] and rdata[2:].startswith(wanted)
        if same and digest is not None:
            found.append((digest, types[NSEC3]))
    return found


def _base32hex(label: bytes) -> bytes | None:
    """Return the hash that ``label`` spells (RFC 4648 §7, no padding), None if it doesn't."""
    alphabet = b"0123456789abcdefghijklmnopqrstuv"
    if len(label) != 32 or not all(c in alphabet for c in label):
        return None
    return int(label, 32).to_bytes(layout.HASH_SIZE, "big")
