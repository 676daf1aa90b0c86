"""The frames that ask which machine of a link has an address, and those that claim it: pure bytes.

An ARP probe (RFC 5227, section 2.1.1) and the neighbour solicitation of duplicate address
detection (RFC 4862, section 5.4.2): neither names an address of the asker's, so neither leaves
a trace in a neighbour's table, and the machine that has the address must answer.
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import NamedTuple

ARP = 0x0806
IPV6 = 0x86DD

NEXT_HEADER_AT = 20
ICMPV6 = 58
TYPE_AT = 54
ADVERTISEMENT = 136
_SOLICITATION = 135

_BROADCAST = b"\xff" * 6
_ETHERNET = Struct("!6s6sH")
_ARP_PACKET = Struct("!HHBBH6s4s6s4s")
_ARP_ETHERNET_IPV4 = (1, 0x0800, 6, 4)
_REQUEST = 1
_IPV6_HEADER = Struct("!IHBB16s16s")
_VERSION = 6 << 28
_ICMPV6_TARGET = Struct("!BBHI16s")
_ONE_LINK = 255
"""The hop limit of neighbour discovery: no router has passed it on (RFC 4861, section 7.1)."""

_UNSPECIFIED = bytes(16)
_SOLICITED_NODE = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")


class Claim(NamedTuple):
    """A machine claims ``address``; ``mac`` is the sender of the frame."""

    address: str
    mac: bytes


def question(mac: bytes, address: str) -> bytes:
    """Return the frame with which the interface ``mac`` asks for an IPv4 or IPv6 address."""
    return _solicitation(mac, address) if ":" in address else _probe(mac, address)


def claim(frame: bytes) -> Claim | None:
    """Return what address a frame (ARP or IPv6) claims; None if it claims none."""
    if len(frame) < _ETHERNET.size:
        return None
    _, mac, kind = _ETHERNET.unpack_from(frame)
    if kind == ARP:
        address = _arp_sender(frame)
    elif kind == IPV6:
        address = _advertised(frame)
    else:
        return None
    return None if address is None else Claim(address, mac)


def _probe(mac: bytes, address: str) -> bytes:
    target = socket.inet_pton(socket.AF_INET, address)
    return _ETHERNET.pack(_BROADCAST, mac, ARP) + _ARP_PACKET.pack(
        *_ARP_ETHERNET_IPV4, _REQUEST, mac, bytes(4), bytes(6), target
    )


def _arp_sender(frame: bytes) -> str | None:
    """Return the sender's address: in a request as in a reply it is the sender's own."""
    if len(frame) < _ETHERNET.size + _ARP_PACKET.size:
        return None
    *kind, _, _, sender, _, _ = _ARP_PACKET.unpack_from(frame, _ETHERNET.size)
    if tuple(kind) != _ARP_ETHERNET_IPV4 or not any(sender):
        return None
    return socket.inet_ntop(socket.AF_INET, sender)


def _solicitation(mac: bytes, address: str) -> bytes:
    target = socket.inet_pton(socket.AF_INET6, address)
    group = _SOLICITED_NODE[:13] + target[13:]
    message = _ICMPV6_TARGET.pack(_SOLICITATION, 0, 0, 0, target)
    pseudo = _UNSPECIFIED + group + Struct("!II").pack(len(message), ICMPV6)
    message = _ICMPV6_TARGET.pack(_SOLICITATION, 0, _checksum(pseudo + message), 0, target)
    return (
        _ETHERNET.pack(b"\x33\x33" + group[12:], mac, IPV6)
        + _IPV6_HEADER.pack(_VERSION, len(message), ICMPV6, _ONE_LINK, _UNSPECIFIED, group)
        + message
    )


def _advertised(frame: bytes) -> str | None:
    if len(frame) < TYPE_AT + _ICMPV6_TARGET.size:
        return None
    _, _, protocol, hops, _, _ = _IPV6_HEADER.unpack_from(frame, _ETHERNET.size)
    kind, code, _, _, target = _ICMPV6_TARGET.unpack_from(frame, TYPE_AT)
    if (protocol, hops, kind, code) != (ICMPV6, _ONE_LINK, ADVERTISEMENT, 0):
        return None
    return socket.inet_ntop(socket.AF_INET6, target)


def _checksum(octets: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of an even number of octets."""
    total = sum(int.from_bytes(octets[at : at + 2]) for at in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
