"""The readable twin of the hot path: parse, find, copy, move pointers, add OPT.

Knows packets and images; nothing of sockets or files. Every packet is counted here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

from dnsd.hotpath import blocks, chaos, compose
from dnsd.hotpath.api import HAND_OVER, Transport
from dnsd.hotpath.body import Body
from dnsd.hotpath.draws import Draws
from dnsd.hotpath.limiter import Admission, Limiter, account
from dnsd.hotpath.poolchoice import ChoiceInput
from dnsd.hotpath.sketch import Sketch
from dnsd.hotpath.tap import Tap
from dnsd.image import buckets, reader
from dnsd.metrics.counters import INDEX, QTYPES, RCODES
from dnsd.process import log
from dnsd.wire import cookie, opt, query
from dnsd.wire.name import lower
from dnsd.wire.query import Malformed, Query
from dnsd.wire.rdata import AXFR, DS, IXFR, OPT, SOA, TKEY, TSIG

if TYPE_CHECKING:
    from dnsd.hotpath.api import Client, Settings
    from dnsd.image import demand, tap
    from dnsd.image.buckets import Buckets
    from dnsd.image.selection import Cells
    from dnsd.image.store import Image
    from dnsd.metrics.counters import Counters


_IN, _CH = 1, 3
_META = frozenset((OPT, TKEY, TSIG))
"""Types that only messages have. The other types that no zone has (0, MAILA, MAILB, ...) are
asked for like those that a name happens not to have."""
_OTHER_OPCODES = {
    query.NOTIFY: (query.REFUSED, "odd_notify"),
    query.UPDATE: (query.REFUSED, "odd_update"),
}
_NO_OPCODE = query.NOTIMP, "odd_opcode"
_HEADER = query.HEADER
_COUNTS = Struct(">5H")
_SMALLEST_UDP = 512
_LARGEST_TCP = 65535
_KNOWN_ZONES = 1024

_QUERIES = (INDEX["queries_udp"], INDEX["queries_tcp"])
_RESPONSES = (INDEX["responses_udp"], INDEX["responses_tcp"])
_RCODE = INDEX["rcode_0"]
_QTYPE = {number: INDEX[f"qtype_{number}"] for number in QTYPES}
_QTYPE_OTHER = INDEX["qtype_other"]
_TRUNCATED = INDEX["truncated"]
_EDNS, _DNSSEC_OK = INDEX["edns"], INDEX["dnssec_ok"]


class _ForTransfers(Exception):
    """The packet is for the transfer process."""


class PythonHotPath:
    """See :class:`dnsd.hotpath.api.HotPath`."""

    def __init__(
        self,
        settings: Settings,
        counters: Counters,
        memory: Buckets | None = None,
        seed: int | None = None,
        sketched: demand.SketchCells | None = None,
        tapped: tap.TapCells | None = None,
    ) -> None:
        self._settings = settings
        self._count = counters
        self._zones: dict[bytes, Image | None] = {}
        self._cells: dict[bytes, Cells | None] = {}
        self._expired: set[bytes] = set()
        self._longest = 0
        self._draws = Draws(seed)
        self._sketch = None if sketched is None else Sketch(sketched)
        self._tap = None if tapped is None else Tap(tapped)
        self.limiter: Limiter | None = None
        if settings.rate_limit is not None:
            self.limiter = Limiter(settings.rate_limit, memory or buckets.fresh(), counters)
            self._numbers = lru_cache(_KNOWN_ZONES)(self.limiter.zone)

    def put_zone(self, apex: bytes, image: Image | None, cells: Cells | None = None) -> None:
        self._zones[apex], self._cells[apex] = image, cells
        self._expired.discard(apex)
        self._longest = max(self._longest, len(apex))

    def expire_zone(self, apex: bytes) -> None:
        self.put_zone(apex, None)
        self._expired.add(apex)

    def drop_zone(self, apex: bytes) -> None:
        self._expired.discard(apex)
        self._zones.pop(apex, None)
        self._cells.pop(apex, None)
        self._longest = max(map(len, self._zones), default=0)

    def use_secrets(self, secrets: tuple[bytes, ...]) -> None:
        self._settings = replace(self._settings, cookie_secrets=secrets)

    def answer(self, packet: bytes, now: float, client: Client) -> bytes | None:
        count = self._count
        count[_QUERIES[client[0]]] += 1
        if len(packet) < _HEADER.size:
            count[INDEX["drop_short"]] += 1
            return None
        if packet[2] & 0x80:
            count[INDEX["drop_response"]] += 1
            return None
        began = 0 if self._tap is None else self._tap.begins()
        asked = query.begin(packet)
        try:
            body, response = self._respond(packet, asked, now, client)
        except _ForTransfers:
            return HAND_OVER
        except Exception as error:
            count[INDEX["internal_error"]] += 1
            log.say("internal-error", f"no answer for the packet {packet.hex()}", cause=error)
            body = Body(query.SERVFAIL)
            response = self._message(asked, body, b"", client[0])
        if self._tap is not None and began:
            self._tap.note(began, packet, client, body, response)
        if response is None:
            return None
        count[_RESPONSES[client[0]]] += 1
        count[_RCODE + min(body.rcode, RCODES - 1)] += 1
        return response

    # -- what to answer -------------------------------------------------------------------

    def _respond(
        self, packet: bytes, asked: Query, now: float, client: Client
    ) -> tuple[Body, bytes | None]:
        """Return the response's body and the response; None if it is withheld."""
        try:
            body, options = self._answer(packet, asked, client)
        except Malformed as malformed:
            self._count[INDEX[malformed.counter]] += 1
            body, options = Body(malformed.rcode), b""
        edns = asked.edns
        made_with = None if edns is None else self._made_with(edns, now, client[1])
        if self.limiter is not None and client[0] == Transport.UDP and made_with is None:
            body.verdict = self.limiter.verdict(client[1], body.account)
        if body.verdict == Admission.DROP:
            return body, None
        if edns is not None:
            options += self._options(edns, made_with, now, client)
        response = self._message(asked, body, options, client[0])
        if self._sketch is not None and body.verdict == Admission.SEND:
            self._sketch.note(client[1], lower(asked.qname), asked.qtype, body, response, now)
        return body, response

    def _answer(self, packet: bytes, asked: Query, client: Client) -> tuple[Body, bytes]:
        """Return the response's body and the EDNS options that belong to it."""
        query.parse(packet, asked)
        edns = asked.edns
        count = self._count
        if edns is not None:
            count[_EDNS] += 1
            if edns.version:
                raise Malformed(query.BADVERS, "odd_edns_version")
            if edns.bad_cookie:
                raise Malformed(query.FORMERR, "odd_cookie")
            count[_DNSSEC_OK] += edns.flags >> 15
        if self._settings.hands_over and _is_for_transfers(asked):
            raise _ForTransfers
        if asked.tsig:
            raise Malformed(query.NOTAUTH, "odd_tsig_key")
        if asked.opcode != query.QUERY:
            raise Malformed(*_OTHER_OPCODES.get(asked.opcode, _NO_OPCODE))
        if not asked.question:
            return Body(query.NOERROR), b""
        count[_QTYPE.get(asked.qtype, _QTYPE_OTHER)] += 1
        if asked.qclass == _CH:
            return self._chaos(asked), b""
        if asked.qclass != _IN:
            raise Malformed(query.REFUSED, "odd_class")
        if asked.qtype in _META:
            raise Malformed(query.FORMERR, "odd_meta_type")
        if asked.qtype in (AXFR, IXFR):
            return self._transfer(asked, client), b""
        return self._lookup(asked, client)

    def _chaos(self, asked: Query) -> Body:
        octets = chaos.answer(lower(asked.qname), asked.qtype, self._settings)
        if octets is None:
            raise Malformed(query.REFUSED, "odd_class")
        self._count[INDEX["chaos"]] += 1
        return Body(query.NOERROR, query.AA, octets, 1)

    def _transfer(self, asked: Query, client: Client) -> Body:
        """Refuse to transfer; IXFR over UDP gets the current SOA (RFC 1995 §2)."""
        self._count[INDEX["odd_transfer"]] += 1
        if client[0] == Transport.UDP and asked.qtype == AXFR:
            return Body(query.NOTIMP)
        apex = lower(asked.qname)
        if apex not in self._zones:
            return Body(query.NOTAUTH)  # RFC 5936 §2.2.1
        image = self._zones[apex]
        if image is None or client[0] == Transport.TCP:
            return Body(query.REFUSED)
        at = reader.block_for(image, image.apex_entry, SOA, 0)
        return blocks.static(reader.block(image, at), len(asked.qname))

    def _lookup(self, asked: Query, client: Client) -> tuple[Body, bytes]:
        name = lower(asked.qname)
        apex, image = self._zone_of(name, asked)
        if image is None:
            counter = "not_authoritative" if apex is None else "not_ready"
            self._count[INDEX[counter]] += 1
            if apex is None:
                return Body(query.REFUSED), opt.extended_error(opt.NOT_AUTHORITATIVE)
            code = opt.INVALID_DATA if apex in self._expired else opt.NOT_READY
            return Body(query.SERVFAIL), opt.extended_error(code)
        signed = int(asked.edns is not None and asked.edns.flags >= opt.DO)
        place, block = blocks.locate(image, name, asked.offsets, asked.qtype, signed)
        chosen_by = ChoiceInput(client[1], self._draws, self._cells[image.apex])
        room = self._limit(asked, client[0]) - _HEADER.size - len(asked.question)
        pieces = blocks.pieces_for(block, place, name, asked.offsets) if block else []
        if block is None or blocks.is_composed(block, pieces):
            body = compose.answer(image, asked.qname, asked.qtype, signed, room, chosen_by)
        else:
            body = blocks.answer(block, len(name), pieces, room, chosen_by)
        if self.limiter is not None or self._sketch is not None:
            number = 0 if self.limiter is None else self._numbers(image.apex)
            body.account = account(number, place, block, asked.qtype)
        return body, b""

    def _zone_of(self, name: bytes, asked: Query) -> tuple[bytes | None, Image | None]:
        """Return the apex of the deepest zone of ours that holds ``name``, and its image."""
        zones = self._zones
        found: bytes | None = None
        for at in (*asked.offsets, len(name) - 1):
            if len(name) - at > self._longest:
                continue
            apex = name[at:]
            if apex in zones:
                found = found or apex
                if apex != name or asked.qtype != DS:
                    return apex, zones[apex]
                # DS stands on the parent's side of the cut (RFC 4035 §3.1.4.1), if that is ours
        return found, zones[found] if found else None

    # -- the message ----------------------------------------------------------------------

    def _made_with(self, edns: opt.Edns, now: float, address: str) -> int | None:
        """Return which secret the client's cookie was made with; None if it has no valid one."""
        secrets = self._settings.cookie_secrets
        if edns.cookie is None or edns.bad_cookie or not secrets:
            return None
        made_with = cookie.made_with(edns.cookie, address, now, secrets)
        if made_with is not None:
            self._count[INDEX["cookies_valid"]] += 1
        return made_with

    def _options(self, edns: opt.Edns, made_with: int | None, now: float, client: Client) -> bytes:
        """Return the options that every response to ``edns`` carries."""
        settings = self._settings
        options = b""
        if edns.nsid and settings.nsid is not None:
            options += opt.option(opt.NSID, settings.nsid)
        if edns.keepalive and client[0] == Transport.TCP:
            idle = min(int(settings.tcp_idle * 10), 0xFFFF)
            options += opt.option(opt.KEEPALIVE, idle.to_bytes(2, "big"))
        if edns.cookie is not None and settings.cookie_secrets and not edns.bad_cookie:
            current = edns.cookie
            if made_with != 0 or not cookie.is_fresh(current, now):
                sent = current[: cookie.CLIENT_SIZE]
                current = cookie.make(sent, client[1], now, settings.cookie_secrets[0])
            options += opt.option(opt.COOKIE, current)
        return options

    def _limit(self, asked: Query, transport: int) -> int:
        """Return how many octets the response may have."""
        if transport == Transport.TCP:
            return _LARGEST_TCP
        if asked.edns is None:
            return _SMALLEST_UDP
        return max(_SMALLEST_UDP, min(asked.edns.payload, self._settings.udp_payload))

    def _message(self, asked: Query, body: Body, options: bytes, transport: int) -> bytes:
        edns = asked.edns
        record = b""
        if edns is not None:
            record = opt.record(self._settings.udp_payload, body.rcode, edns.flags, options)
        flags = (
            query.QR
            | asked.opcode << 11
            | body.flags
            | asked.flags & (query.RD | query.CD)
            | body.rcode & 0xF
        )
        octets, arcount = body.octets, body.arcount
        ancount, nscount = body.ancount, body.nscount
        additional = bool(record) + bool(asked.tsig)
        record += asked.tsig
        room = self._limit(asked, transport) - _HEADER.size - len(asked.question) - len(record)
        if body.verdict == Admission.SLIP and octets:
            room = -1
        if body.truncated or len(octets) > room:
            for end, count in reversed(body.optional):
                if end <= room:
                    octets, arcount = octets[:end], count
                    break
            else:
                self._count[_TRUNCATED] += 1
                flags |= query.TC
                octets, ancount, nscount, arcount = b"", 0, 0, 0
        header = asked.ident + _COUNTS.pack(
            flags, bool(asked.question), ancount, nscount, arcount + additional
        )
        return header + asked.question + octets + record


def _is_for_transfers(asked: Query) -> bool:
    """Return whether a well-formed query is no ordinary question."""
    if asked.tsig or asked.opcode in (query.NOTIFY, query.UPDATE):
        return True
    return asked.opcode == query.QUERY and asked.qtype in (AXFR, IXFR) and asked.qclass == _IN
