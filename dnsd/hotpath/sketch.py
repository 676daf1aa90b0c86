"""Keeps a sample of who asks for what, in the memory that :mod:`dnsd.image.demand` describes.

What is counted is what caches go by: an answer that was sent whole. Knows responses as octets.
"""

from __future__ import annotations

import time
from math import ceil
from struct import Struct
from typing import TYPE_CHECKING

from dnsd.hotpath.api import packed
from dnsd.hotpath.limiter import AnswerKind
from dnsd.image.demand import (
    COLD,
    CONTROL_AT,
    CONTROL_SIZE,
    CURRENT,
    GAPS,
    HEAD,
    HOT,
    HOURS,
    NAME,
    OPEN,
    PAIRS,
    SETS,
    WAYS,
    Head,
    Window,
)
from dnsd.metrics.counters import QTYPES
from dnsd.wire.siphash import siphash13

if TYPE_CHECKING:
    from dnsd.hotpath.body import Body
    from dnsd.image.demand import SketchCells

_RECORD = Struct(">HHIH").unpack_from
_COUNTS = Struct(">HHH").unpack_from
_COLD = Struct(f"<QQIHBB8x{NAME}s").pack_into
_WORDS = Struct("<QQ").pack
_TYPE = Struct(">H").pack
_HOT_WORDS = HOT // 4
_LAST, _COUNT, _GAPS = 0, 1, 2
_NETWORK = {4: 3, 16: 6}
"""Octets of an address that are its network's: a /24, a /48."""
_NO_TTL = (1 << 32) - 1
_TRUNCATED = 0x02

PAIR, SOURCE, NETWORK = b"\0", b"\1", b"\2"
"""What a hash is of, in front of it."""


class Sketch:
    """Counts in ``cells``, as control's words say: one worker's."""

    def __init__(self, cells: SketchCells) -> None:
        self.cells = cells
        self._half = 0
        self._key = b""

    def begin(self) -> bool:
        """Follow control; return whether there is a window to count in."""
        number = self.cells.control[CURRENT]
        if not number:
            return False
        self._half = half = number & 1
        at = CONTROL_AT + CONTROL_SIZE * half + Window.KEY
        self._key = _WORDS(*self.cells.control[at : at + 2])
        if self.cells.head[HEAD * half + Head.NUMBER] != number:
            self._empty(number)
        return True

    def _empty(self, number: int) -> None:
        half, (_, head, keys, limits, _, _) = self._half, self.cells
        head[HEAD * half + Head.NUMBER] = 0
        for cells, size, value in ((keys, PAIRS, 0), (limits, SETS, OPEN), (head, HEAD, 0)):
            cells[size * half : size * (half + 1)] = memoryview(
                value.to_bytes(8, "little") * size
            ).cast("Q")
        head[HEAD * half + Head.NUMBER] = number

    def note(
        self, address: str, name: bytes, rtype: int, body: Body, response: bytes, now: float
    ) -> None:
        """Count a query for ``name`` (lower case) at ``now``, if anything is counted.

        Not so if it was told to come again over TCP.
        """
        if response[2] & _TRUNCATED or not self.begin():
            return
        head, at, kind = self.cells.head, HEAD * self._half, body.account.kind
        if not _is_held(kind, rtype) or body.rcode:
            head[at + Head.OTHER + kind] += 1
            return
        if len(name) > NAME:
            head[at + Head.LONG] += 1
            return
        head[at + Head.TAKEN] += 1
        head[at + Head.HOUR + int(now) // 3600 % HOURS] += 1
        octets = packed(address)
        digest = siphash13(self._key, PAIR + octets + _TYPE(rtype) + name) or 1
        place, is_new = self.place(digest)
        if is_new:
            self._put(place, octets, name, rtype, response)
            self.cells.keys[place] = digest
        if place >= 0:
            self._count(place, ceil(time.monotonic()))

    def place(self, digest: int) -> tuple[int, bool]:
        """Return where the pair of ``digest`` is or is to be, and whether it is new there.

        Less than 0: it is not kept.
        """
        keys, limits = self.cells.keys, self.cells.limits
        each = SETS * self._half + digest % SETS
        if digest >= limits[each]:
            return -1, False
        largest, place = 0, WAYS * each
        for at in range(WAYS * each, WAYS * (each + 1)):
            if keys[at] == digest:
                return at, False
            if not keys[at]:
                return at, True
            if keys[at] > largest:
                largest, place = keys[at], at
        limits[each] = max(digest, largest)
        return (-1, False) if digest > largest else (place, True)

    def _put(self, place: int, packed: bytes, name: bytes, rtype: int, response: bytes) -> None:
        hot, cold = self.cells.hot, self.cells.cold
        self.cells.keys[place] = 0
        for at in range(_HOT_WORDS * place, _HOT_WORDS * (place + 1)):
            hot[at] = 0
        ttl, negative = _held(response, 12 + len(name) + 4)
        network = packed[: _NETWORK[len(packed)]]
        sources = (siphash13(self._key, of) for of in (SOURCE + packed, NETWORK + network))
        _COLD(cold, COLD * place, *sources, ttl, rtype, len(name), negative, name)

    def _count(self, place: int, second: int) -> None:
        hot, at = self.cells.hot, _HOT_WORDS * place
        if hot[at + _COUNT]:
            gap = max(0, second - hot[at + _LAST])
            hot[at + _GAPS + min(max(gap.bit_length() - 1, 0), GAPS - 1)] += 1
        hot[at + _LAST] = second
        hot[at + _COUNT] += 1


def _is_held(kind: int, rtype: int) -> bool:
    """Return whether pairs are told apart: there are as many as clients like of all others."""
    return kind == AnswerKind.ANSWER or (kind == AnswerKind.NODATA and rtype in QTYPES)


def _held(response: bytes, at: int) -> tuple[int, bool]:
    """Return for how long caches hold ``response``, and whether it says that there is nothing.

    Records begin at ``at``. That is the least TTL of the answer, or of the authority section.
    """
    ancount, nscount, _ = _COUNTS(response, 6)
    least = _NO_TTL
    for _ in range(ancount or nscount):
        while response[at] & 0xC0 != 0xC0 and response[at]:
            at += response[at] + 1
        at += 2 if response[at] else 1
        _, _, ttl, length = _RECORD(response, at)
        at += 10 + length
        least = min(least, ttl)
    return (0 if least == _NO_TTL else least), not ancount
