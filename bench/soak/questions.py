"""What a soak asks, and what is right: hosts that never change, and a serial that does."""

from __future__ import annotations

import socket
import struct

from bench import wire

ORIGIN = "soak.example"
HOSTS = 200
WAIT_S = 0.2
_HEADER = struct.Struct("!6H")


def zone(serial: int) -> str:
    """Return the zone file: the serial is all that ever changes."""
    hosts = "".join(f"h{number} A 192.0.2.{number}\n" for number in range(HOSTS))
    return (
        f"$ORIGIN {ORIGIN}.\n$TTL 300\n"
        f"@ SOA ns1 hostmaster {serial} 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.254\n{hosts}"
    )


def host(number: int) -> bytes:
    """Return the query for one of the hosts, chosen by the message ID."""
    return wire.message(f"h{number % HOSTS}.{ORIGIN}", "A", number, edns=False)


def is_right(response: bytes, number: int) -> bool:
    """Tell whether ``response`` is the full answer to ``host(number)``."""
    if len(response) < _HEADER.size:
        return False
    found, flags, _, answers, _, _ = _HEADER.unpack_from(response)
    address = bytes([192, 0, 2, number % HOSTS])
    return found == number and not flags & 0x020F and answers == 1 and address in response


def serial(port: int) -> int:
    """Return the serial that the server answers with, 0 when it does not answer."""
    asked = wire.message(ORIGIN, "SOA", 1, edns=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT_S)
        try:
            sock.sendto(asked, ("127.0.0.1", port))
            response = sock.recv(4096)
        except OSError:
            return 0
    names = len(asked) + 2 + 10
    try:
        return serial_in(response, names) if response[3] & 15 == 0 else 0
    except (IndexError, struct.error):
        return 0


def serial_in(response: bytes, at: int) -> int:
    """Return the serial of an SOA whose rdata begins at ``at``."""
    for _ in range(2):
        while (length := response[at]) and length < 0xC0:
            at += length + 1
        at += 2 if length else 1
    return int(struct.unpack_from("!I", response, at)[0])
