"""Counts what arrives at the authoritative server, whether or not somebody answers there.

A process of its own with a packet socket on the server's interface: it sees what the wire
brings before the kernel decides whether anybody is there to take it.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path

from bench.storm.wire import PORT

IPV4, UDP, TCP = 0x0800, 17, 6
SYN, ACK = 0x02, 0x10
SOL_PACKET, PACKET_STATISTICS = 263, 6
BUFFER = 32 << 20
SNAP = 96
"""Octets of a packet that are looked at: link, network and transport headers."""


def classify(frame: bytes) -> tuple[str, str] | None:
    """Return source address and "udp" or "tcp" of a query's frame (Ethernet); None for others.

    A UDP packet to port 53 is a query; so is a SYN to it, however often it is sent again.
    """
    if len(frame) < 34 or int.from_bytes(frame[12:14], "big") != IPV4:
        return None
    at = 14 + (frame[14] & 15) * 4
    if len(frame) < at + 14 or int.from_bytes(frame[at + 2 : at + 4], "big") != PORT:
        return None
    source = socket.inet_ntoa(frame[26:30])
    if frame[23] == UDP:
        return source, "udp"
    if frame[23] == TCP and frame[at + 13] & (SYN | ACK) == SYN:
        return source, "tcp"
    return None


def count(tap: socket.socket, until: float) -> Counter[tuple[int, str, str]]:
    """Count queries by second (of the monotonic clock), source and transport."""
    found: Counter[tuple[int, str, str]] = Counter()
    tap.settimeout(0.2)
    while (now := time.monotonic()) < until:
        try:
            frame = tap.recv(SNAP)
        except TimeoutError:
            continue
        if (kind := classify(frame)) is not None:
            found[int(now), *kind] += 1
    return found


def main() -> None:
    """``python -m bench.storm.tap INTERFACE UNTIL OUTPUT``."""
    interface, until, output = sys.argv[1:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(IPV4)) as tap:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        tap.bind((interface, IPV4))
        found = count(tap, float(until))
        _, dropped = struct.unpack("II", tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    rows = [[*key, number] for key, number in sorted(found.items())]
    Path(output).write_text(json.dumps({"rows": rows, "dropped": dropped}))


if __name__ == "__main__":
    main()
