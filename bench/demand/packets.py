"""Queries in captured packets (pcap, pcapng) and in dnstap, as octets. Pure but for the file.

Only queries over UDP to port 53 (pcap) and AUTH_QUERY, CLIENT_QUERY and RESOLVER_QUERY messages
(dnstap) count. What cannot be read as a query is skipped, like on a server.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct, error
from typing import TYPE_CHECKING, BinaryIO

import dns.name
import dns.rdatatype

from bench.demand.log import Query
from dnsd.wire import name as names
from dnsd.wire.query import QR, Malformed, begin, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = 12
PORT = 53

# -- pcap ----------------------------------------------------------------------------------------


def of_pcap(file: BinaryIO) -> Iterator[Query]:
    """Yield the queries of a pcap or pcapng file; ValueError if it is none."""
    import dpkt

    capture = dpkt.pcap.UniversalReader(file)
    links = {
        dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
        dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
        dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
        dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback,
        dpkt.pcap.DLT_RAW: _Raw,
    }
    link = links.get(capture.datalink())
    if link is None:
        raise ValueError(f"link type {capture.datalink()} is not known: Ethernet and IP are")
    for when, octets in capture:
        try:
            found = link(octets).data
            datagram = found.data
        except (dpkt.UnpackError, AttributeError):
            continue
        if isinstance(datagram, dpkt.udp.UDP) and datagram.dport == PORT:
            yield from _asked(float(when), found.src, bytes(datagram.data))


class _Raw:
    """A packet without a link's header: IPv4 or IPv6 by its first octet."""

    def __init__(self, octets: bytes) -> None:
        import dpkt

        ip4 = octets[:1] and octets[0] >> 4 == 4
        self.data = dpkt.ip.IP(octets) if ip4 else dpkt.ip6.IP6(octets)


def _asked(when: float, source: bytes, packet: bytes) -> Iterator[Query]:
    """Yield the one query of ``packet``, if it is one."""
    if len(packet) < HEADER:
        return
    query = begin(packet)
    if query.flags & QR:
        return
    try:
        parse(packet, query)
    except Malformed:
        return
    if query.question and not query.opcode:
        name = dns.name.from_wire(names.lower(query.qname), 0)[0].to_text()
        rtype = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(query.qtype))
        yield Query(when, str(ip_address(source)), name, rtype)


# -- dnstap (Frame Streams with protocol buffers) ------------------------------------------------

_LENGTH = Struct(">I")
_QUERIES = frozenset((1, 3, 5))
"""AUTH_QUERY, RESOLVER_QUERY, CLIENT_QUERY of dnstap's Message.Type."""
_MESSAGE = 14
_TYPE, _ADDRESS, _SECONDS, _NANOSECONDS, _PACKET = 1, 4, 8, 9, 10
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
LONGEST_FRAME = 1 << 20


def of_dnstap(file: BinaryIO) -> Iterator[Query]:
    """Yield the queries of a dnstap file; ValueError if it is none."""
    while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if not length:  # a control frame: its own length follows
            (control,) = _LENGTH.unpack(file.read(_LENGTH.size))
            file.read(control)
            continue
        if length > LONGEST_FRAME:
            raise ValueError(f"a frame of {length} octets is no dnstap message")
        try:
            yield from _of_frame(file.read(length))
        except (IndexError, error, ValueError):
            continue


def _of_frame(frame: bytes) -> Iterator[Query]:
    for number, message in _fields(frame):
        if number == _MESSAGE and isinstance(message, bytes):
            found = dict(_fields(message))
            source, packet = found.get(_ADDRESS), found.get(_PACKET)
            if found.get(_TYPE) in _QUERIES and isinstance(source, bytes):
                when = _number(found, _SECONDS) + _number(found, _NANOSECONDS) / 1e9
                yield from _asked(when, source, packet if isinstance(packet, bytes) else b"")


def _number(found: dict[int, bytes | int], number: int) -> int:
    value = found.get(number, 0)
    return value if isinstance(value, int) else 0


def _fields(octets: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the fields of a protocol buffer: number and value."""
    at = 0
    while at < len(octets):
        key, at = _varint(octets, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(octets, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(octets, at)
        elif kind in {_FIXED32, _FIXED64}:
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} is not known")
        field = octets[at : at + length]
        at += length
        yield number, field if kind == _BYTES else int.from_bytes(field, "little")


def _varint(octets: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = octets[at]
        value |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return value, at
