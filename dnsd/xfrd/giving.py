"""Sends zones to secondaries that are allowed to fetch them: AXFR, IXFR (RFC 5936, RFC 1995)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.transfer import outgoing
from dnsd.wire import query
from dnsd.wire.name import lower, to_text
from dnsd.wire.query import Malformed
from dnsd.wire.rdata import AXFR, name_end
from dnsd.xfrd.refusals import signed_with
from dnsd.xfrd.requests import allows, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.xfrd.archive import Archive
    from dnsd.xfrd.knowledge import Knowledge
    from dnsd.xfrd.refusals import Refusals
    from dnsd.xfrd.requests import SeenRequest

_SERIAL = slice(-20, -16)


class Giving:
    """Sends zones out of ``archive`` to the clients that ``known`` allows."""

    def __init__(
        self, known: Knowledge, archive: Archive, counts: dict[str, int], refusals: Refusals
    ) -> None:
        self._known = known
        self._refusals = refusals
        self._archive = archive
        self._counts = counts

    def transfer(self, seen: SeenRequest) -> Iterator[bytes]:
        """Yield the messages that answer a request for a transfer."""
        asked = query.begin(seen.message)
        try:
            query.parse(seen.message, asked)
        except Malformed as malformed:
            yield refused(seen.message, malformed.rcode)
            return
        zone = to_text(lower(asked.qname))
        rcode = self._refusal(zone, asked.qtype, seen)
        if rcode:
            yield refused(seen.message, rcode)
            return
        yield from self._give(zone, asked.qtype, seen)

    def _refusal(self, zone: str, qtype: int, seen: SeenRequest) -> int:
        """Return the rcode with which a transfer of ``zone`` is refused, 0 if it is not."""
        told = self._known.zones.get(zone)
        if told is None:
            self._note(seen, "there is no such zone here: compare its name")
            return query.NOTAUTH
        if seen.is_udp and qtype == AXFR:
            return query.NOTIMP
        if not allows(told.transfers.allow_transfer, seen.source, seen.key):
            self._count("refused")
            self._note(
                seen,
                f"no entry of allow_transfer is for this address {signed_with(seen.key)}: add one "
                "to the [[zone]] or to [transfers], or correct address and key there",
            )
            return query.REFUSED
        if told.serial is None or told.is_expired or zone not in self._archive.zones:
            return query.SERVFAIL
        return 0

    def _give(self, zone: str, qtype: int, seen: SeenRequest) -> Iterator[bytes]:
        version, journal, _ = self._archive.zones[zone]
        head = outgoing.head_for(seen.message)
        if qtype == AXFR:
            self._count("axfr")
            yield from outgoing.axfr(version, head, seen.room)
            return
        serial = _serial_of(seen.message)
        if serial is None:
            yield refused(seen.message, query.FORMERR)
            return
        self._count("ixfr")
        if not seen.is_udp:
            yield from outgoing.ixfr(version, serial, journal, head, seen.room)
            return
        messages = outgoing.ixfr(version, serial, journal, head, seen.room)
        first = next(messages)
        # What does not fit in one datagram is asked for again over TCP (RFC 1995 §2).
        yield first if next(messages, None) is None else next(outgoing.only_soa(version, head))

    def _note(self, seen: SeenRequest, why: str) -> None:
        self._refusals.note(seen.message, seen.source, why)

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1


def _serial_of(message: bytes) -> int | None:
    """Return the serial that the client of an IXFR has, None if it does not say (RFC 1995 §3)."""
    if int.from_bytes(message[8:10], "big") != 1:
        return None
    at = name_end(message, 12) + 4
    end, _ = query.skip_record(message, at)
    rdata = message[at:end]
    return int.from_bytes(rdata[_SERIAL], "big") if len(rdata) > 20 else None
