"""Messages that a client can send: queries with all that EDNS allows, and what is no query."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.name
import dns.rdatatype

from bench.dearest.chains import ORIGIN

if TYPE_CHECKING:
    from random import Random

    from dns.name import Name

PAYLOAD = 1232
_OPT = 41
_DO = 0x8000


@dataclass(frozen=True, slots=True)
class Asked:
    """One packet: its octets, and what it is for the reader; ``signed``: it may cost more."""

    packet: bytes
    text: str
    signed: bool = False


def question(
    owner: str, rtype: str, *, do: bool = False, payload: int = PAYLOAD, options: bytes = b""
) -> Asked:
    """Return a query; ``payload`` 0: without EDNS."""
    name = dns.name.from_text(owner, ORIGIN)
    number = dns.rdatatype.from_text(rtype)
    packet = struct.pack(">6H", 1, 0, 1, 0, 0, bool(payload))
    packet += _wire(name) + struct.pack(">2H", number, 1)
    if payload:
        packet += struct.pack(">BHHIH", 0, _OPT, payload, do * _DO, len(options)) + options
    shown = str(name) if len(str(name)) < 50 else f"{str(name)[:30]}… ({len(name.labels)} labels)"
    text = f"{shown} {rtype}{' +do' * do}{f' {payload}' if payload != PAYLOAD else ''}"
    return Asked(packet, text, do)


def _wire(name: Name) -> bytes:
    return name.canonicalize().to_digestable()


def option(code: int, content: bytes) -> bytes:
    """Return an EDNS option."""
    return struct.pack(">2H", code, len(content)) + content


def shapes(owner: str) -> list[Asked]:
    """Return what is odd about packets: for a name that exists."""
    cookie = option(10, bytes(8))
    stale = option(10, bytes(8) + b"\x01" + bytes(15))
    many = b"".join(option(65001 + number, b"") for number in range(29))
    whole = question(owner, "A").packet
    plain = question(owner, "A", payload=0).packet
    tsig = b"\0" + struct.pack(">HHIH", 250, 255, 0, 0)
    asked = [
        _named(question(owner, "A", options=cookie), "a client cookie"),
        _named(question(owner, "A", options=stale), "a server cookie that is not valid"),
        _named(question(owner, "A", options=option(3, b"") + many + stale), "32 options"),
        Asked(whole[:2] + b"\x20" + whole[3:], "NOTIFY"),
        Asked(whole[:2] + b"\x28" + whole[3:], "UPDATE"),
        Asked(whole[:2] + b"\x78" + whole[3:], "opcode 15"),
        Asked(plain[:-4] + struct.pack(">2H", 252, 1), "AXFR"),
        Asked(plain[:-4] + struct.pack(">2H", 251, 1), "IXFR"),
        Asked(plain[:12] + _wire(ORIGIN) + struct.pack(">2H", 251, 1), "IXFR of the zone"),
        Asked(plain[:-2] + struct.pack(">H", 3), "class CH, no name of its own"),
        Asked(plain[:-2] + struct.pack(">H", 255), "class ANY"),
        Asked(plain[:11] + b"\x01" + plain[12:] + tsig, "TSIG, cut"),
        Asked(plain[:12] + b"\x40" * 400, "a label type that is none"),
        Asked(plain[:5] + b"\x09" + plain[6:], "nine questions"),
        Asked(plain + bytes(400), "400 octets behind the question"),
        Asked(bytes(400), "zeros"),
    ]
    for name in ("version.bind", "hostname.bind", "id.server"):
        wire = _wire(dns.name.from_text(name))
        asked.append(Asked(plain[:12] + wire + struct.pack(">2H", 16, 3), f"{name} CH TXT"))
    outside = _wire(dns.name.from_text("a." * 120 + "elsewhere."))
    asked.append(Asked(plain[:12] + outside + struct.pack(">2H", 1, 1), "a name of no zone"))
    return asked


def _named(asked: Asked, what: str) -> Asked:
    return Asked(asked.packet, f"{asked.text}, {what}", asked.signed)


def garbage(random: Random, asked: Asked) -> Asked:
    """Return ``asked`` with some octets changed."""
    octets = bytearray(asked.packet)
    for _ in range(random.randint(1, 4)):
        octets[random.randrange(2, len(octets))] = random.randrange(256)
    octets[2] &= 0x7F
    return Asked(bytes(octets), f"{asked.text}, damaged", asked.signed)
