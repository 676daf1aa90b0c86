"""Fuzz target: any packet, the same octets and the same counts from both hot paths."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from dnsd.hotpath import Client, HotPath, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.metrics.counters import Counters
from dnsd.wire import name as names
from tests import packets
from tests.fuzz import zones

NOW = 1_750_000_000.0
SECRETS = (b"0123456789abcdef", b"fedcba9876543210")
SETTINGS = (
    Settings(server_id=b"nyc", udp_payload=512),
    Settings(nsid=b"nyc", version=b"1", udp_payload=4096, cookie_secrets=SECRETS, hands_over=True),
)
CLIENTS = tuple(Client(way, text) for text in ("192.0.2.1", "2001:db8::1") for way in Transport)

Side = tuple[HotPath, Counters]


def fuzz_one(data: bytes) -> None:
    """The first octet picks settings, client and zone; then comes the packet."""
    if not data:
        return
    kinds = list(zones.images())
    sides = twins(data[0] & 1, kinds[data[0] >> 1 & 3])
    client = CLIENTS[data[0] >> 3 & 3]
    answers = [path.answer(data[1:], NOW, client) for path, _ in sides]
    assert answers[0] == answers[1], [answer and answer.hex() for answer in answers]
    counts = [cells.tolist() for _, cells in sides]
    assert counts[0] == counts[1]
    if answers[0]:
        assert len(answers[0]) <= 4096 or client.transport == Transport.TCP


@cache
def twins(settings: int, kind: str) -> tuple[Side, Side]:
    """Both hot paths with the same zones; below the root there is another one of ours.

    Where the native one was not built, the other takes its place.
    """
    try:
        native = import_module("dnsd.hotpath._native").NativeHotPath
    except ImportError:
        native = PythonHotPath
    cells = counters.fresh(), counters.fresh()
    paths: tuple[HotPath, HotPath] = (
        PythonHotPath(SETTINGS[settings], cells[0], seed=1),
        native(SETTINGS[settings], cells[1], seed=1),
    )
    for path in paths:
        for served in (kind, "nsec") if kind == "root" else (kind,):
            path.put_zone(zones.apex(served), Image(zones.images()[served]))
        path.put_zone(names.from_text("missing.example."), None)
    return (paths[0], cells[0]), (paths[1], cells[1])


def seeds() -> list[bytes]:
    """Where a search begins."""
    cookie = packets.option(10, b"12345678")
    found = [bytes((kind << 1,)) + query for kind in range(4) for query in zones.questions()]
    odd = (
        packets.query("www.example.", 1, packets.opt(cookie, packets.option(3))),
        packets.query("www.example.", 1, packets.opt(packets.option(11), version=1)),
        packets.query("www.example.", 1, packets.tsig()),
        packets.query("example.", 252),
        packets.query("missing.example."),
        packets.header() + packets.question("id.server.", 16, packets.CH),
        packets.header(flags=0x2000) + packets.question("example.", 6),
    )
    return found + [bytes((first,)) + query for first in (0, 1, 9, 25) for query in odd]
