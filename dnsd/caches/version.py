"""What a cache can hold: one content of an RRset, a negative answer, or anything of a zone.

A version is a hash of owner, type and sorted rdata. It also says to which addresses and names it
leads, so that "may clients still come to 192.0.2.10?" can be asked over all names, and so can
"… to cdn.example.net.?". Knows neither times nor nodes.
"""

from __future__ import annotations

import re
from enum import StrEnum
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.wire.member import is_name, shown
from dnsd.wire.name import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = "*"
"""In the place of a type: all of them."""

_DIGEST_OCTETS = 8
_CANONICAL = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+")
_IPV4_HINT, _IPV6_HINT = 4, 6
_NAMING = {
    "CNAME": rr.CNAME,
    "DNAME": rr.DNAME,
    "HTTPS": rr.HTTPS,
    "MX": rr.MX,
    "NS": rr.NS,
    "SRV": rr.SRV,
    "SVCB": rr.SVCB,
}
"""Types of records that lead to a name."""
_LEADING = ("A", "AAAA", *_NAMING)
"""Types of records that lead to addresses or names."""


class VersionKind(StrEnum):
    """What a version is a version of."""

    RRSET = "rrset"
    NOTHING = "nothing"
    """The answer that there is no such name, or no such type."""
    EVERYTHING = "everything"
    """Whatever a zone may have contained, where that is not known any more."""


class Version(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """One thing that caches may hold; names are absolute, lower-case presentation form.

    ``digest`` is of the rdata, and ``targets`` are the addresses and names it leads to, sorted; of
    a DNAME, the name that it puts in place of its owner. ``end`` is for NOTHING: the next name that
    exists, as in an NSEC record; everything from ``owner`` up to there is denied.
    """

    kind: VersionKind
    owner: str
    type: str = ANY
    digest: str = ""
    targets: tuple[str, ...] = ()
    end: str = ""

    def __str__(self) -> str:
        """Return how an operator calls it."""
        if self.kind == VersionKind.EVERYTHING:
            return f"anything of {self.owner}"
        what = self.owner if self.type == ANY else f"{self.owner} {self.type}"
        if self.kind == VersionKind.NOTHING:
            return f"that there is no {what}" if not self.end else f"what is not in {self.owner}"
        return f"{what} → {', '.join(self.targets)}" if self.targets else f"{what} #{self.digest}"


def rrset(owner: str, rtype: str, rdatas: Iterable[bytes]) -> Version:
    """Return the version of an RRset with ``rdatas`` (uncompressed wire form, any order)."""
    owner = canonical_name(owner)
    data = sorted(set(rdatas))
    return Version(
        VersionKind.RRSET, owner, rtype, digest_of(owner, rtype, data), targets_of(rtype, data)
    )


def digest_of(owner: str, rtype: str, rdatas: Iterable[bytes]) -> str:
    """Return the digest of an RRset; ``owner`` in canonical form, ``rdatas`` sorted, no two alike.

    With :func:`targets_of` it makes a version of very many RRsets quickly.
    """
    data = b"".join([len(rdata).to_bytes(2) + rdata for rdata in rdatas])
    return blake2b(f"{owner} {rtype}".encode() + data, digest_size=_DIGEST_OCTETS).hexdigest()


def targets_of(rtype: str, rdatas: Iterable[bytes]) -> tuple[str, ...]:
    """Return the addresses and names that an RRset leads to, sorted."""
    if rtype not in _LEADING:
        return ()
    return tuple(sorted({target for rdata in rdatas for target in _targets(rtype, rdata)}))


def nothing(owner: str, rtype: str) -> Version:
    """Return the negative answer (NODATA) for exactly this name and type."""
    return Version(VersionKind.NOTHING, canonical_name(owner), rtype)


def gap(owner: str, end: str) -> Version:
    """Return the negative answers between two names, as an NSEC record denies them.

    If both are the apex, everything that is not in the zone; so it is for NSEC3 and for zones
    that are not signed.
    """
    return Version(VersionKind.NOTHING, canonical_name(owner), ANY, end=canonical_name(end))


def everything(apex: str) -> Version:
    """Return whatever the zone ``apex`` may have contained; for ``.`` whatever there was at all."""
    return Version(VersionKind.EVERYTHING, canonical_name(apex))


class CacheQuestion(NamedTuple):
    """What is asked about: a target (an address or a name), or a name and its type.

    With all three, the target as far as the pool of that name and type leads there.
    """

    target: str = ""
    name: str = ""
    type: str = ""

    def __str__(self) -> str:
        """Return the question as it was written."""
        if self.is_member:
            return f"{self.target} in {self.name} {self.type}"
        return self.target or f"{self.name} {self.type}"

    @property
    def is_member(self) -> bool:
        """Whether it is about a target in one pool."""
        return bool(self.target and self.name)

    def concerns(self, version: Version) -> bool:
        """Return whether a cache that holds ``version`` matters for this question."""
        if self.is_member and version.kind != VersionKind.EVERYTHING:
            pool = (version.owner, version.type) == (self.name, self.type)
            return pool and self.target in version.targets
        if self.target and not self.is_member:
            return version.kind == VersionKind.EVERYTHING or _leads_to(version, self.target)
        name = names.from_text(self.name)
        owner = names.from_text(version.owner)
        if version.kind == VersionKind.EVERYTHING:
            return names.is_subdomain(name, owner)
        if version.kind == VersionKind.NOTHING and version.end:
            return _denied(name, owner, names.from_text(version.end))
        if version.type == "DNAME":
            return name != owner and names.is_subdomain(name, owner)
        types = (self.type, "CNAME", ANY)
        return version.type in types and (name == owner or _expands(owner, name))


def about_target(text: str) -> CacheQuestion:
    """Return the question about the address or the absolute name ``text``.

    ValueError is a sentence. What has no final dot is an address.
    """
    try:
        return CacheQuestion(
            target=canonical_name(text) if is_name(text) else str(ip_address(text))
        )
    except ValueError:
        raise ValueError(
            f"{text!r} is not an address: write one such as 192.0.2.10 or 2001:db8::10, or a "
            f"name and "
            "a type such as www.example.com A"
        ) from None


def about_name(name: str, rtype: str) -> CacheQuestion:
    """Return the question about the answers to ``name`` and ``rtype``; ValueError if no name."""
    return CacheQuestion(name=canonical_name(name), type=rtype.upper())


def about_member(address: str, name: str, rtype: str) -> CacheQuestion:
    """Return the question about a member of the pool ``name`` and ``rtype``."""
    return about_name(name, rtype)._replace(target=about_target(address).target)


def canonical_name(text: str) -> str:
    """Return the one way to write the absolute name ``text``; ValueError if it is none."""
    if len(text) < MAX_NAME and _CANONICAL.fullmatch(text):  # as a rule, and there are many
        return text
    try:
        return names.to_text(names.lower(names.from_text(text)))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a domain name: {error}") from None


def _expands(owner: bytes, name: bytes) -> bool:
    """Return whether ``owner`` is a wildcard that ``name`` may have got its records from."""
    above = names.parent(owner) if names.is_wildcard(owner) else owner
    return above not in (owner, name) and names.is_subdomain(name, above)


def _denied(name: bytes, owner: bytes, end: bytes) -> bool:
    """Return whether an NSEC record from ``owner`` to ``end`` says something about ``name``.

    At its owner it denies types. The last record of a zone leads back to the apex.
    """
    at, first, last = (names.canonical_key(one) for one in (name, owner, end))
    if last > first:
        return first <= at < last
    return at >= first and names.is_subdomain(name, end)


def _leads_to(version: Version, target: str) -> bool:
    """Return whether a cache that holds ``version`` may send clients to ``target``."""
    if target in version.targets:
        return True
    if not is_name(target) or version.kind != VersionKind.RRSET or version.type not in _NAMING:
        return False
    found = [one for one in version.targets if is_name(one)]
    if version.type != "DNAME" or not found:
        return not found  # it was noted before names were
    return any(is_below(target, one) for one in found)


def is_below(name: str, above: str) -> bool:
    """Return whether ``name`` is ``above`` or below it."""
    return names.is_subdomain(names.from_text(name), names.from_text(above))


def _targets(rtype: str, rdata: bytes) -> list[str]:
    """Return the addresses and names that a record leads to."""
    if rtype == "A":
        return [".".join(map(str, rdata))]
    if rtype == "AAAA":
        return [str(IPv6Address(rdata))]
    name = rr.target(_NAMING[rtype], rdata)
    assert name is not None
    found = [shown(rr.CNAME, name)]
    return found + _hints(rdata) if rtype in {"HTTPS", "SVCB"} else found


def _hints(rdata: bytes) -> list[str]:
    """Return the address hints of an SVCB or HTTPS record (RFC 9460 §2.2, §7.3)."""
    at = 2  # the priority
    while rdata[at]:
        at += 1 + rdata[at]
    at += 1
    found: list[str] = []
    while at < len(rdata):
        key, length = int.from_bytes(rdata[at : at + 2]), int.from_bytes(rdata[at + 2 : at + 4])
        value = rdata[at + 4 : at + 4 + length]
        if key == _IPV4_HINT:
            found += [str(IPv4Address(value[i : i + 4])) for i in range(0, length, 4)]
        elif key == _IPV6_HINT:
            found += [str(IPv6Address(value[i : i + 16])) for i in range(0, length, 16)]
        at += 4 + length
    return found
