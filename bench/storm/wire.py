"""The few messages of this study, as bytes. Pure.

One zone with hosts h0, h1, …; each query asks for the address of one.
"""

from __future__ import annotations

import struct

ORIGIN = "storm.example."
PORT = 53
_ORIGIN = b"".join(bytes([len(label)]) + label.encode() for label in ORIGIN[:-1].split(".")) + b"\0"
_A_IN = struct.pack("!HH", 1, 1)
_RD, _QR_AA = 0x0100, 0x8400


def query(number: int, host: int, *, recursion: bool) -> bytes:
    """Return a query with the ID ``number`` for the address of ``host``."""
    label = f"h{host}".encode()
    header = struct.pack("!6H", number, _RD if recursion else 0, 1, 0, 0, 0)
    return header + bytes([len(label)]) + label + _ORIGIN + _A_IN


def message_id(message: bytes) -> int:
    """Return a message's ID, or -1 if it is shorter than a header."""
    return int.from_bytes(message[:2], "big") if len(message) >= 12 else -1


def is_answer(message: bytes) -> bool:
    """Tell whether a message is a response with rcode NOERROR that has an answer."""
    if len(message) < 12 or not message[2] & 0x80:
        return False
    return not message[3] & 15 and message[6:8] != b"\0\0"


def response(request: bytes, ttl: int) -> bytes:
    """Return an answer to a query of one question, with a TTL of ``ttl``, without EDNS."""
    end = request.index(b"\0", 12) + 5
    header = request[:2] + struct.pack("!5H", _QR_AA, 1, 1, 0, 0)
    record = struct.pack("!HHHIH4B", 0xC00C, 1, 1, ttl, 4, 192, 0, 2, 1)
    return header + request[12:end] + record


def zone_text(hosts: int, ttl: int) -> str:
    """Return the zone file."""
    lines = [f"$TTL {ttl}", f"@ SOA ns1 hostmaster 1 7200 900 1209600 {min(ttl, 300)}", "@ NS ns1"]
    lines += ["ns1 A 10.53.0.1"]
    lines += [f"h{host} A 10.0.{host >> 8}.{host & 255}" for host in range(hosts)]
    return "\n".join(lines) + "\n"
