"""Why requests of other servers are refused: what the log and ``dnsd zone status`` say."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import dns.message
import dns.name
import dns.tsig
import pytest

from dnsd.config import AllowedPeer, PrimaryPeer, ZoneTransfers
from dnsd.transfer import ipc
from dnsd.transfer.tsig import TsigKey
from dnsd.xfrd import refusals
from dnsd.xfrd.archive import Archive
from dnsd.xfrd.giving import Giving
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.notified import NotifiedZones
from dnsd.xfrd.refusals import AGAIN_S, MOST_A_MINUTE, Refusals
from dnsd.xfrd.requests import TransferRequests
from tests.serving import Clock
from tests.unit.test_xfrd_notified import notification

ZONE, SECRET = "a.example.", b"0123456789abcdef"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(refusals, "say", lambda _, told, **__: found.append(told))
    return found


def axfr(zone: str = ZONE) -> dns.message.Message:
    return dns.message.make_query(zone, "AXFR", use_edns=False)


def test_the_same_is_logged_once_an_hour_and_all_of_it_a_few_times_a_minute(
    said: list[str],
) -> None:
    clock = Clock()
    known = Refusals(clock)
    wire = axfr().to_wire()
    for _ in range(3):
        known.note(wire, "192.0.2.1", "no")
    assert said == ["transfers: refused AXFR of a.example. by 192.0.2.1: no"]
    for number in range(100):
        known.note(wire, f"198.51.100.{number}", "no")
    assert len(said) == MOST_A_MINUTE
    assert known.row(ZONE)["refused"] == "AXFR of a.example. by 198.51.100.99: no"
    clock.now += AGAIN_S
    known.note(wire, "192.0.2.1", "no")
    assert len(said) == MOST_A_MINUTE + 1
    known.lose(ZONE)
    assert known.row(ZONE) == {}


def test_what_is_remembered_has_a_limit(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST_KNOWN", 5)
    clock = Clock()
    known = Refusals(clock)
    for number in range(20):
        clock.now += 60
        known.note(axfr(f"z{number}.example.").to_wire(), "192.0.2.1", "no")
    rows = [number for number in range(20) if known.row(f"z{number}.example.")]
    assert rows == [*range(15, 20)]
    known.note(axfr("z0.example.").to_wire(), "192.0.2.1", "no")
    assert len(said) == 21


class Node:
    """A node with a zone that is given to who has the key ``ours.``, and another one fetched."""

    def __init__(self) -> None:
        known = Knowledge()
        known.keys["ours."] = TsigKey("ours.", "hmac-sha256", SECRET)
        allowed = (AllowedPeer(network=("192.0.2.0/24",), key="ours."),)
        given = ZoneTransfers(allow_transfer=allowed)
        known.take(ipc.ZoneTold(zone=ZONE, transfers=given))
        peers = (PrimaryPeer(address="192.0.2.53"),)
        known.take(ipc.ZoneTold(zone="b.example.", transfers=ZoneTransfers(primaries=peers)))
        known.whole.set()
        self.requests = TransferRequests(known, {})
        noted = self.requests.refusals
        self.requests.notified = NotifiedZones(known, lambda *_: None, noted).respond
        self.requests.transfer = Giving(known, Archive(Path()), {}, noted).transfer

    def ask(self, message: bytes, source: str = "192.0.2.9") -> None:
        async def work() -> None:
            async for _ in self.requests.answer(message, source, _nobody):
                pass

        asyncio.run(work())


async def _nobody(_: object) -> None: ...


def signed(key: dns.tsig.Key, zone: str = ZONE) -> bytes:
    message = axfr(zone)
    message.use_tsig(key)
    return message.to_wire()


def key(
    name: str = "ours.", secret: bytes = SECRET, algorithm: str = "hmac-sha256"
) -> dns.tsig.Key:
    return dns.tsig.Key(name, secret, algorithm)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (axfr().to_wire(), "no entry of allow_transfer is for this address without a key"),
        (signed(key("theirs.")), "the key theirs., and there is no such [[key]] here"),
        (signed(key(secret=b"another")), "the key ours. has another secret there than here"),
        (
            signed(key(algorithm="hmac-sha512")),
            "the key ours. has hmac-sha512 there, and hmac-sha256 here",
        ),
        (axfr("aa.example.").to_wire(), "there is no such zone here: compare its name"),
        (notification("b.example.", 1).to_wire(), "it comes from none of the zone's primaries"),
        (notification(ZONE, 1).to_wire(), "it has no primaries here"),
        (notification("aa.example.", 1).to_wire(), "there is no such zone here"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_refusal_says_what_is_wrong(said: list[str], message: bytes, why: str) -> None:
    Node().ask(message)
    (told,) = said
    assert why in told


def test_of_a_key_from_another_address_both_are_named(said: list[str]) -> None:
    Node().ask(signed(key()), "198.51.100.1")
    (told,) = said
    assert "by 198.51.100.1: no entry of allow_transfer is for this address with the key ours." in (
        told
    )


@pytest.mark.parametrize(("ahead", "way"), [(-600, "600 s behind"), (600, "600 s ahead of")])
def test_a_clock_that_differs_is_told_by_how_much(
    said: list[str], monkeypatch: pytest.MonkeyPatch, ahead: int, way: str
) -> None:
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: now + ahead)
    message = signed(key())
    monkeypatch.setattr(time, "time", lambda: now)
    Node().ask(message)
    (told,) = said
    assert f"its clock is {way} the clock here, and 300 s are allowed" in told
