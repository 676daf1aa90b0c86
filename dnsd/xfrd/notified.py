"""NOTIFY from primaries (RFC 1996): who may send it, and what is answered.

A NOTIFY only makes dnsd ask the primaries. So it need not be signed if it comes from the address
of one of them; other senders are configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire import query
from dnsd.wire.name import lower, to_text
from dnsd.wire.query import HEADER, QUESTION, Malformed
from dnsd.wire.rdata import SOA
from dnsd.xfrd.refusals import signed_with
from dnsd.xfrd.requests import allows, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.xfrd.knowledge import Knowledge
    from dnsd.xfrd.refusals import Refusals
    from dnsd.xfrd.requests import SeenRequest

_NUMBERS = 20
"""Octets of the numbers at the end of an SOA's data; the serial comes first."""
_SOA = 2 + _NUMBERS
"""Octets of the shortest data of an SOA."""
_POINTER = 2
"""Octets of a name that is a pointer to another."""


class NotifiedZones:
    """Accepts notifications, and calls ``hear`` with zone, source, and serial if there is one."""

    def __init__(
        self,
        known: Knowledge,
        hear: Callable[[str, str, int | None], object],
        refusals: Refusals,
    ) -> None:
        self._known = known
        self._refusals = refusals
        self._hear = hear

    async def respond(self, seen: SeenRequest) -> bytes:
        """Return the answer to a notification; pass it on if its sender is allowed."""
        asked = query.begin(seen.message)
        try:
            query.parse(seen.message, asked)
            serial = told_serial(seen.message, asked.question)
        except Malformed:
            return refused(seen.message, query.FORMERR)
        if asked.qtype != SOA:
            return refused(seen.message, query.FORMERR)
        zone = to_text(lower(asked.qname))
        told = self._known.zones.get(zone)
        if told is None or not told.transfers.primaries:
            why = "there is no such zone here" if told is None else "it has no primaries here"
            self._refusals.note(seen.message, seen.source, f"{why}: compare the zone's name")
            return refused(seen.message, query.NOTAUTH)
        is_primary = any(peer.address == seen.source for peer in told.transfers.primaries)
        if not is_primary and not allows(told.transfers.allow_notify, seen.source, seen.key):
            why = (
                "it comes from none of the zone's primaries, and no entry of allow_notify is for "
                f"this address {signed_with(seen.key)}"
            )
            self._refusals.note(seen.message, seen.source, why)
            return refused(seen.message, query.REFUSED)
        self._hear(zone, seen.source, serial)
        response = bytearray(refused(seen.message, query.NOERROR))
        response[2] |= query.AA >> 8
        return bytes(response)


def told_serial(message: bytes, question: bytes) -> int | None:
    """Return the serial of the SOA in a notification, or None.

    ``question`` are the octets of the message's question. Malformed if the record is cut.
    """
    if not int.from_bytes(message[6:8], "big"):
        return None
    at = HEADER.size + len(question)
    end, rtype = query.skip_record(message, at)
    # The owner is the zone: a pointer to it, or its name repeated.
    owner = _POINTER if message[at] & 0xC0 else len(question) - QUESTION.size
    size = int.from_bytes(message[at + owner + 8 : at + owner + 10], "big")
    if rtype != SOA or size < _SOA or at + owner + 10 + size != end:
        return None
    return int.from_bytes(message[end - _NUMBERS :][:4], "big")
