"""NOTIFY from primaries: who is heard, what is passed on, what is answered (RFC 1996)."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rrset
import pytest

from dnsd.config import AllowedPeer, PrimaryPeer, ZoneTransfers
from dnsd.transfer import ipc
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.notified import NotifiedZones
from dnsd.xfrd.refusals import Refusals
from dnsd.xfrd.requests import SeenRequest

PRIMARY, FRIEND, STRANGER = "192.0.2.1", "192.0.2.9", "198.51.100.1"
KEY = "xfr.example."
FETCHED = ZoneTransfers(
    primaries=(PrimaryPeer(address=PRIMARY),),
    allow_notify=(AllowedPeer(network=("192.0.2.8/30",), key=KEY),),
)
NOERROR, FORMERR, NOTAUTH, REFUSED = (
    dns.rcode.NOERROR,
    dns.rcode.FORMERR,
    dns.rcode.NOTAUTH,
    dns.rcode.REFUSED,
)


def notification(zone: str, serial: int | None, rtype: str = "SOA") -> dns.message.Message:
    message = dns.message.make_query(zone, rtype)
    message.set_opcode(dns.opcode.NOTIFY)
    message.flags = (message.flags & ~dns.flags.RD) | dns.flags.AA
    if serial is not None:
        soa = f"ns.example. host.example. {serial} 1 2 3 4"
        message.answer.append(dns.rrset.from_text(zone, 0, "IN", "SOA", soa))
    return message


class Scene:
    def __init__(self) -> None:
        known = Knowledge()
        known.take(ipc.ZoneTold(zone="a.example.", transfers=FETCHED))
        known.take(ipc.ZoneTold(zone="file.example.", transfers=ZoneTransfers()))
        self.heard: list[tuple[str, str, int | None]] = []
        self.refusals = Refusals()
        self.zones = NotifiedZones(known, lambda *told: self.heard.append(told), self.refusals)

    def ask(self, message: bytes, source: str, key: str | None = None) -> dns.message.Message:
        seen = SeenRequest(message, key, source, is_udp=True, room=512)
        return dns.message.from_wire(asyncio.run(self.zones.respond(seen)))


@pytest.mark.parametrize(
    ("zone", "source", "key", "rcode"),
    [
        ("a.example.", PRIMARY, None, NOERROR),
        ("A.Example.", PRIMARY, KEY, NOERROR),
        ("a.example.", FRIEND, KEY, NOERROR),
        ("a.example.", FRIEND, None, REFUSED),
        ("a.example.", FRIEND, "other.", REFUSED),
        ("a.example.", STRANGER, KEY, REFUSED),
        ("file.example.", PRIMARY, KEY, NOTAUTH),
        ("nowhere.example.", PRIMARY, KEY, NOTAUTH),
    ],
)
@pytest.mark.parametrize("serial", [None, 7, 2**32 - 1])
def test_who_is_heard(
    zone: str, source: str, key: str | None, rcode: dns.rcode.Rcode, serial: int | None
) -> None:
    scene = Scene()
    message = notification(zone, serial)
    response = scene.ask(message.to_wire(), source, key)
    assert message.is_response(response)
    assert (response.rcode(), response.opcode()) == (rcode, dns.opcode.NOTIFY)
    assert bool(response.flags & dns.flags.AA) == (rcode == NOERROR)
    assert not response.answer
    expected = [("a.example.", source, serial)] if rcode == NOERROR else []
    assert scene.heard == expected


def test_what_is_none_is_not_heard() -> None:
    scene = Scene()
    whole = notification("a.example.", 7).to_wire()
    for size in range(12, len(whole)):
        assert scene.ask(whole[:size], PRIMARY).rcode() == FORMERR, size
    assert scene.ask(notification("a.example.", None, "NS").to_wire(), PRIMARY).rcode() == FORMERR
    assert scene.heard == []


def test_a_record_of_another_type_tells_no_serial() -> None:
    scene = Scene()
    message = notification("a.example.", None)
    message.answer.append(dns.rrset.from_text("a.example.", 0, "IN", "A", "192.0.2.1"))
    assert scene.ask(message.to_wire(), PRIMARY).rcode() == NOERROR
    assert scene.heard == [("a.example.", PRIMARY, None)]


def test_an_soa_without_its_numbers_tells_no_serial() -> None:
    scene = Scene()
    message = notification("a.example.", 7).to_wire()
    data = len(message) - message.index(b"\x00\x06\x00\x01\x00\x00\x00\x00") - 10
    short = message[: -data - 2] + b"\x00\x02\x00\x00"
    assert scene.ask(short, PRIMARY).rcode() == NOERROR
    assert scene.heard == [("a.example.", PRIMARY, None)]
