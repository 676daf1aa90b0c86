"""A transfer from a primary: messages in, a whole version or differences out.

AXFR (RFC 5936) and IXFR (RFC 1995) are one stream of records, divided by SOA records. Nothing is
trusted: any violation of the RFCs ends the transfer with a TransferFault, and none of it is kept.
Signatures and time-outs are the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from dnsd.errors import VersionError
from dnsd.metrics.mnemonics import rcode_name
from dnsd.versions._collector import Collector
from dnsd.versions._stored import records
from dnsd.versions._wire import collect
from dnsd.versions.difference import ZoneDifference
from dnsd.versions.serial import is_newer
from dnsd.versions.version import ZoneVersion, from_collector
from dnsd.wire.name import lower
from dnsd.wire.query import AA, HEADER, NOTAUTH, NOTIMP, QR, QUESTION, REFUSED, SERVFAIL, TC
from dnsd.wire.rdata import AXFR, IXFR, SOA

_OPCODE, _RCODE = 0x7800, 0x000F
_IN = 1
_HINTS = {
    SERVFAIL: "it does not have the zone at the moment; its own log says why",
    NOTIMP: "does it give zones away at all?",
    REFUSED: "does its access list have this node's address, and the key with its algorithm?",
    NOTAUTH: "does it have a zone of this name, and give it to this node's address and key?",
}

MOST_PARTS = 40_000
"""Records of SOA in an incremental transfer, of which each costs more memory than octets: with more
differences than that, the whole zone is asked for."""


class TransferFault(Exception):
    """A transfer is discarded; the text says why."""


class TransferRefused(TransferFault):
    """The primary answered with the error ``rcode``."""

    def __init__(self, rcode: int) -> None:
        super().__init__(f"the primary answers {answered(rcode)}")
        self.rcode = rcode


def answered(rcode: int) -> str:
    """Return the name of an error, and what is to be looked at there."""
    hint = _HINTS.get(rcode)
    return f"{rcode_name(rcode)}: {hint}" if hint else rcode_name(rcode)


class UpToDate(Enum):
    """The primary has nothing newer."""

    NOTHING_NEWER = "nothing newer"


@dataclass(frozen=True, slots=True)
class ReceivedDifferences:
    """The differences from our version to the primary's, in order; at least one."""

    differences: tuple[ZoneDifference, ...]


Received = ZoneVersion | ReceivedDifferences | UpToDate


class Incoming:
    """One transfer of the zone ``apex`` (lower case), of which we have version ``serial``.

    Without a serial the whole zone was requested. ``ident`` is the ID of the request, and ``most``
    the limit of octets in all messages. More messages follow until it ``is_complete``.
    """

    def __init__(self, apex: bytes, ident: int, serial: int | None, most: int) -> None:
        self.octets = 0
        self.messages = 0
        self.is_complete = False
        self._apex = apex
        self._ident = ident
        self._serial = serial
        self._most = most
        self._is_incremental = False
        self._parts: list[Collector] = []
        """The records, divided before each SOA."""

    def take(self, message: bytes) -> None:
        """Read the next ``message``; TransferFault if it does not continue the transfer."""
        self.octets += len(message)
        if self.octets > self._most:
            raise TransferFault(
                f"it has more than {self._most} octets, which is the limit "
                "([transfers] incoming_size)"
            )
        at, count = self._head(message)
        self.messages += 1
        if not self._parts:
            self._parts.append(Collector(self._apex))
        while count:
            if self.is_complete:
                raise TransferFault(f"records follow the end (message {self.messages})")
            at, count = self._read(message, at, count)
        if self.messages == 1 and self._is_nothing_newer():
            self.is_complete = True

    def result(self) -> Received:
        """Return what was received; for a large zone this takes a while, without the GIL.

        TransferFault if it is not a zone.
        """
        assert self.is_complete, "the caller has waited for the end"
        if len(self._parts) == 1:
            return UpToDate.NOTHING_NEWER
        if self._is_incremental:
            return ReceivedDifferences(tuple(self._differences()))
        try:
            return from_collector(self._parts[0])
        except VersionError as error:
            raise TransferFault(str(error)) from None

    # -- one message --------------------------------------------------------------------------

    def _head(self, message: bytes) -> tuple[int, int]:
        """Check header and question; return where the answer section begins, and its count."""
        qtype = AXFR if self._serial is None else IXFR
        is_first = not self.messages
        at, answers = _checked_head(message, self._ident, self._apex, qtype, is_first)
        if not answers and is_first:
            raise TransferFault("the first message has no records")
        return at, answers

    def _read(self, message: bytes, at: int, count: int) -> tuple[int, int]:
        """Read records up to the next SOA, or to the end of the message."""
        part = self._parts[-1]
        was_begun = bool(part.soa_octets)
        try:
            at, count = collect(message, at, count, part)
        except ValueError as error:
            raise TransferFault(f"message {self.messages}: {error}") from None
        if not was_begun and len(self._parts) > 1:
            self._begin_part()
        if count:
            if len(self._parts) > MOST_PARTS:
                raise TransferFault(f"it has more than {MOST_PARTS // 2} differences")
            self._parts.append(Collector(self._apex))
        return at, count

    # -- what the SOA records mean ------------------------------------------------------------

    @property
    def _newest(self) -> int:
        """The serial of the version that the primary sends."""
        return _serial(self._parts[0])

    @property
    def _is_whole_zone(self) -> bool:
        """Whether this is the whole zone, which may also answer an IXFR (RFC 1995 §4)."""
        return self._serial is None or len(self._parts[0]) > 0

    def _is_nothing_newer(self) -> bool:
        """Tell whether the answer is only an SOA that is not newer than ours (RFC 1995 §2)."""
        alone = len(self._parts) == 1 and not len(self._parts[0])
        return alone and self._serial is not None and not is_newer(self._newest, self._serial)

    def _begin_part(self) -> None:
        """Work out what the SOA means with which the last part begins."""
        first, last, number = self._parts[0], self._parts[-1], len(self._parts) - 1
        if number == 1 and (self._is_whole_zone or last.soa_octets == first.soa_octets):
            if last.soa_octets != first.soa_octets:
                raise TransferFault("its first and its last SOA record differ")
            self._end()
        elif number % 2 == 0:
            if not is_newer(_serial(last), _serial(self._parts[-2])):
                raise TransferFault(
                    f"a difference leads from serial {_serial(self._parts[-2])} to "
                    f"{_serial(last)}, which is not newer"
                )
        elif number > 1 and _serial(self._parts[-2]) == self._newest:
            if last.soa_octets != first.soa_octets:
                raise TransferFault("its first and its last SOA record differ")
            self._is_incremental = True
            self._end()
        elif _serial(last) != (due := self._serial if number == 1 else _serial(self._parts[-2])):
            raise TransferFault(f"a difference begins at serial {_serial(last)}, not at {due}")

    def _differences(self) -> list[ZoneDifference]:
        """Return the differences; each is two parts: records to remove, records to add."""
        parts = [part.stored()[0] for part in self._parts[1:-1]]
        return [
            ZoneDifference(self._apex, removed, added)
            for removed, added in zip(parts[::2], parts[1::2], strict=True)
        ]

    def _end(self) -> None:
        if len(self._parts[-1]):
            raise TransferFault("records follow the end")
        self.is_complete = True


def soa_in(message: bytes, ident: int, apex: bytes) -> bytes:
    """Return the SOA data in the answer to an SOA question; TransferFault without one.

    ``ident`` is the ID of the request; ``apex`` is in lower case.
    """
    at, answers = _checked_head(message, ident, apex, SOA, True)
    if not answers or not HEADER.unpack_from(message)[1] & AA:
        raise TransferFault("the primary does not have the zone")
    part = Collector(apex)
    try:
        collect(message, at, 1, part)
    except ValueError as error:
        raise TransferFault(f"the answer cannot be read: {error}") from None
    return next(records(part.soa_octets)).rdata


def _checked_head(
    message: bytes, ident: int, apex: bytes, qtype: int, is_first: bool
) -> tuple[int, int]:
    """Check that ``message`` is an answer; return where its records begin, and its answer count."""
    if len(message) < HEADER.size:
        raise TransferFault("a message is shorter than its header")
    number, flags, questions, answers, _, _ = HEADER.unpack_from(message)
    if number != ident or not flags & QR or flags & _OPCODE:
        raise TransferFault("a message does not answer the request")
    if flags & _RCODE:
        raise TransferRefused(flags & _RCODE)
    if flags & TC:
        raise TransferFault("a message is truncated")
    if questions > 1 or (is_first and not questions):
        raise TransferFault(f"a message has {questions} questions")
    return _question_end(message, apex, qtype) if questions else HEADER.size, answers


def _question_end(message: bytes, apex: bytes, qtype: int) -> int:
    """Check that the question is the one that was asked; return where it ends."""
    end = HEADER.size + len(apex)
    if lower(message[HEADER.size : end]) != apex or len(message) < end + QUESTION.size:
        raise TransferFault("a message answers the question for another zone")
    if QUESTION.unpack_from(message, end) != (qtype, _IN):
        raise TransferFault("a message answers another question")
    return end + QUESTION.size


def _serial(part: Collector) -> int:
    return int.from_bytes(part.soa_octets[-20:-16], "big")
