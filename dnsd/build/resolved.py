"""What aliases have been resolved to, as data of a build: a file for each zone, beside its images.

Control writes it, and has the zone built again; a build reads it as it reads the zone file. The
addresses take the place of the A and AAAA records that the zone file has at the name: those are
what other servers of the zone answer, and this one as long as it knows nothing else. So an RRset
that follows is one like any other: signed, noted in the ledger, and served from the image.
"""

from __future__ import annotations

from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.config.policy import AliasRule
from dnsd.process import descriptors
from dnsd.wire.name import from_text
from dnsd.wire.rdata import AAAA, A
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from dnsd.build.signing import Signer
    from dnsd.config.policy import Policy
    from dnsd.zone.records import RRset, Zone

TYPES = {"A": A, "AAAA": AAAA}
_OCTETS = {"A": 4, "AAAA": 16}


class AliasMeta(msgspec.Struct, frozen=True, kw_only=True):
    """One RRset of an image that follows a name; ``ttl`` is that of the zone file, the longest.

    ``fallback`` are the addresses in the zone file, which are answered while nothing else is known.
    """

    rule: AliasRule
    type: str
    ttl: int
    fallback: tuple[str, ...] = ()


class ResolvedRRset(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered for ``name`` and ``type``, as long as ``target`` is what it follows.

    ``source`` is the name that has the addresses: the target, or the member of a pool that it is.
    """

    name: str
    type: str
    target: str
    addresses: tuple[str, ...]
    ttl: int
    source: str = ""


class Followed(NamedTuple):
    """A zone with what aliases have been resolved to, and what is wrong with the file of that.

    ``sources`` says of RRsets, by name and type, that have other addresses than in the zone file
    which name has these: clients that get them are led to where that name leads.
    """

    zone: Zone
    sources: Mapping[tuple[str, str], str] = MappingProxyType({})
    findings: tuple[Finding, ...] = ()


def path_for(state_directory: Path, stem: str) -> Path:
    """Return the file of a zone, whose images are called ``stem``."""
    return state_directory / f"alias-{stem}.json"


def encode(rrsets: Sequence[ResolvedRRset]) -> bytes:
    """Return the content of the file."""
    return msgspec.json.encode(rrsets) + b"\n"


def read(path: Path) -> tuple[ResolvedRRset, ...]:
    """Return what the file ``path`` has, nothing if there is none; ValueError says what is wrong.

    OSError if it cannot be read.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=tuple[ResolvedRRset, ...])
    except FileNotFoundError:
        return ()
    except msgspec.DecodeError as error:
        raise ValueError(f"is not what dnsd has written: {error}") from error
    for one in found:
        sizes = {len(ip_address(address).packed) for address in one.addresses}
        if sizes != {_OCTETS.get(one.type)} or not 0 <= one.ttl < 1 << 31:
            raise ValueError(f"is not what dnsd has written: {one.name} {one.type} is wrong")
    return found


def describe(policy: Policy, zone: Zone) -> tuple[AliasMeta, ...]:
    """Return the RRsets of ``zone``, as its file has it, that follow names."""
    return tuple(
        AliasMeta(
            rule=rule,
            type=rtype,
            ttl=rrset.ttl,
            fallback=tuple(str(ip_address(one)) for one in rrset.rdatas),
        )
        for rule in policy.aliases
        for rtype, rrset in rrsets_of(rule, zone)
    )


def rrsets_of(rule: AliasRule, zone: Zone) -> Iterator[tuple[str, RRset]]:
    """Yield the RRsets of ``zone`` that follow by ``rule``, with their types."""
    there = zone.at(from_text(rule.name))
    return ((text, there[rtype]) for text, rtype in TYPES.items() if rtype in there)


def followed(zone: Zone, policy: Policy | None, signer: Signer | None, path: Path) -> Followed:
    """Return ``zone`` with the addresses that are in the file ``path``.

    A file that cannot be read is told, and the zone file's addresses are answered.
    """
    if policy is None or not policy.aliases:
        return Followed(zone)
    try:
        known = {(one.name, one.type, one.target): one for one in read(path)}
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            descriptors.excuse(error, str(path))
        sentence = f"{error}; answering the addresses in the zone file until they are resolved"
        finding = Finding(str(path), 0, Severity.WARNING, sentence, "alias-file")
        return Followed(zone, findings=(finding,))
    made, sources = [], {}
    for rule in policy.aliases:
        for rtype, rrset in rrsets_of(rule, zone):
            if one := known.get((rule.name, rtype, rule.target)):
                made.append(_made(rrset, one))
                sources[rule.name, rtype] = one.source or rule.target
    return Followed(_with(zone, made, signer), sources)


def _made(rrset: RRset, found: ResolvedRRset) -> RRset:
    rdatas = tuple(ip_address(one).packed for one in found.addresses)
    return msgspec.structs.replace(rrset, rdatas=rdatas, ttl=min(found.ttl, rrset.ttl))


def _with(zone: Zone, made: Collection[RRset], signer: Signer | None) -> Zone:
    signed = [signer.sign_again(rrset) for rrset in made] if signer is not None else []
    return zone.replaced([*made, *filter(None, signed)]) if made else zone
