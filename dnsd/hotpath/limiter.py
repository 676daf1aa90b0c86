"""Response rate limiting: which answers over UDP are withheld, so that no network is flooded.

Addresses of UDP packets are easily forged. So all answers that say the same to one network come
out of one bucket: it holds as many as may be sent within a second, and fills again at that rate.
An answer for which there is none left is dropped, or, one in ``slip``, sent empty with TC set:
a client that exists asks again over TCP, where addresses are proven. (What is empty anyway, such
as REFUSED, is no larger than the query, and sent as it is.)

What is the same: the **account**. An answer is counted by its name, whatever the type; one made
from a wildcard or a DNAME by that one's name, a referral by its cut; negative ones by the zone;
and what has no zone (refusals, errors, class CH) together. Answers that a flood can have as many
of as it likes share a bucket; no client's answer is in the bucket of a flood for another name.
"""

from __future__ import annotations

import time
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_network
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.hotpath.api import packed
from dnsd.image import buckets, layout
from dnsd.image.buckets import ROW, TIME_BITS, WAYS, BucketRow
from dnsd.metrics.counters import INDEX, KINDS
from dnsd.wire.query import NXDOMAIN
from dnsd.wire.rdata import ANY
from dnsd.wire.siphash import siphash13

if TYPE_CHECKING:
    from dnsd.hotpath.api import RateLimit
    from dnsd.image.buckets import Buckets
    from dnsd.image.reader import Block, NameMatch
    from dnsd.metrics.counters import Counters

_LIMITED, _SLIPPED = INDEX["limited"], INDEX["limited_slipped"]
_KIND = INDEX[f"limited_{KINDS[0]}"]
_TIME = (1 << TIME_BITS) - 1
_SECOND = 1_000_000
_MESSAGE = Struct("<8sQQ").pack
_KIND_AT, _FAMILY_AT = 56, 60
_KNOWN_ADDRESSES = 1024


class AnswerKind(IntEnum):
    """Kinds of answers, as :data:`dnsd.metrics.counters.KINDS` counts them."""

    ANSWER, WILDCARD, ANY, REFERRAL, NODATA, NXDOMAIN, OTHER = range(7)


assert tuple(kind.name.lower() for kind in AnswerKind) == KINDS


class BucketKey(NamedTuple):
    """What an answer counts as: its kind, a number for its zone, and the entry of its name."""

    kind: int
    zone: int = 0
    name: int = 0


OTHER = BucketKey(AnswerKind.OTHER)


class Admission(IntEnum):
    """What becomes of an answer."""

    SEND, SLIP, DROP = range(3)


def account(zone: int, place: NameMatch, block: Block | None, qtype: int) -> BucketKey:
    """Return the account of the block ``block`` found at ``place``; below a DNAME there is none."""
    if block is None:
        return BucketKey(AnswerKind.WILDCARD, zone, place.encloser)
    if block.rcode == NXDOMAIN:
        return BucketKey(AnswerKind.NXDOMAIN, zone)
    if not block.flags & layout.AUTHORITATIVE:
        return BucketKey(AnswerKind.REFERRAL, zone, place.entry)
    if qtype == ANY:
        return BucketKey(AnswerKind.ANY, zone, place.entry)
    if place.expanded:
        return BucketKey(AnswerKind.WILDCARD, zone, place.entry)
    if not block.ancount and not block.pool_ref:
        return BucketKey(AnswerKind.NODATA, zone)
    return BucketKey(AnswerKind.ANSWER, zone, place.entry)


def microseconds() -> int:
    """Return the time that buckets fill by: steps of the wall clock do not touch them."""
    return time.monotonic_ns() // 1000


class ClientNetwork(NamedTuple):
    """Where a query comes from: the first 8 octets of a prefix, its length and family.

    One that is ``exempt`` is never limited.
    """

    prefix: bytes
    length: int
    family: int
    exempt: bool


class Limiter:
    """Applies ``law``; the native twin reads the attributes and does the same.

    ``interval`` is what one answer weighs, ``depth`` what a bucket holds, in microseconds.
    ``now`` tells the time in microseconds. There are ``sets`` of buckets, a power of two.
    """

    def __init__(self, law: RateLimit, memory: Buckets, counters: Counters) -> None:
        self.law = law
        self.memory = memory
        self.interval = _SECOND // law.per_second
        self.depth = self.interval * law.per_second
        self.now = microseconds
        self.sets = len(memory.words) // WAYS
        self.exempt = tuple(map(ip_network, law.exempt))
        self._count = counters
        self._source = lru_cache(_KNOWN_ADDRESSES)(self.source)

    def zone(self, apex: bytes) -> int:
        """Return the number that stands for a zone."""
        return siphash13(self.memory.key, apex)

    def verdict(self, address: str, account: BucketKey) -> Admission:
        """Say what becomes of an answer to ``address``, and count it."""
        source = self._source(address)
        if source.exempt:
            return Admission.SEND
        now = self.now()
        last = account.name | account.kind << _KIND_AT | source.family << _FAMILY_AT
        message = _MESSAGE(source.prefix, account.zone, last)
        digest = siphash13(self.memory.key, message)
        if self._take(digest, now):
            return Admission.SEND
        self._note(source, account.kind, now // _SECOND)
        count = self._count
        count[_LIMITED] += 1
        count[_KIND + account.kind] += 1
        if self.law.slip and count[_LIMITED] % self.law.slip == 0:
            count[_SLIPPED] += 1
            return Admission.SLIP
        return Admission.DROP

    def source(self, address: str) -> ClientNetwork:
        """Return the source that ``address`` belongs to."""
        octets = packed(address)
        ipv6 = len(octets) == 16
        family, length = (6, self.law.ipv6_prefix) if ipv6 else (4, self.law.ipv4_prefix)
        exempt = any(
            network.version == family
            and int.from_bytes(octets) & int(network.netmask) == int(network.network_address)
            for network in self.exempt
        )
        front = (octets + bytes(4))[:8]
        mask = (1 << 64) - (1 << 64 - length)
        return ClientNetwork((int.from_bytes(front) & mask).to_bytes(8), length, family, exempt)

    def _take(self, digest: int, now: int) -> bool:
        """Take an answer out of the bucket of ``digest``, if there is one left.

        In a set that is full the word goes to the new bucket whose own would be full the soonest:
        what is forgotten has sent the least, and to forget limits no network.
        """
        words = self.memory.words
        tag = digest >> TIME_BITS
        first = digest % self.sets * WAYS
        place, taken, least = first, 0, self.depth + 1
        for at in range(first, first + WAYS):
            word = words[at]
            ahead = (word - now) & _TIME
            if ahead > self.depth:
                ahead = 0
            if word >> TIME_BITS == tag:
                place, taken = at, ahead
                break
            if ahead < least:
                place, least = at, ahead
        if taken + self.interval > self.depth:
            return False
        words[place] = tag << TIME_BITS | (now + taken + self.interval) & _TIME
        return True

    def _note(self, source: ClientNetwork, kind: int, second: int) -> None:
        """Note that an answer to ``source`` was withheld; the one limited least is forgotten."""
        rows = self.memory.rows
        prefix = int.from_bytes(source.prefix, "little")
        about = source.family << 8 | source.length
        place, count, found = 0, 0, False
        for at in range(0, len(rows), ROW):
            is_over = second - rows[at + BucketRow.LAST] > buckets.QUIET
            weight = 0 if is_over else rows[at + BucketRow.COUNT]
            if (
                rows[at + BucketRow.PREFIX] == prefix
                and rows[at + BucketRow.ABOUT] & 0xFFFF == about
            ):
                place, count, found = at, weight, True
                break
            if at == 0 or weight < count:
                place, count = at, weight
        if not (found and count):
            rows[place + BucketRow.PREFIX] = prefix
            rows[place + BucketRow.ABOUT] = about
            rows[place + BucketRow.SINCE] = second
        rows[place + BucketRow.ABOUT] |= 1 << 16 + kind
        rows[place + BucketRow.COUNT] = count + 1
        rows[place + BucketRow.LAST] = second
