"""The native hot path answers by itself: what it hands over is class CH and transfers, no more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from struct import pack

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from dnsd import compile as compiler
from dnsd.hotpath import Client, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.wire import rdata as rr
from dnsd.zone.records import Zone
from tests.parity.sections import NOW, packet
from tests.records import records_of
from tests.signing import Nsec3
from tests.strategies import Scene, crowded, models, scenes
from tests.strategies import signed as signed_models
from tests.unit.corezones import image, signed, wire, zone

native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

CLIENTS = [Client(transport, "192.0.2.1") for transport in Transport]
MANY = 3000
TEXT = "".join(
    (
        "dd DNAME tt\nd0 DNAME d1\nd1 DNAME tt\n*.w DNAME tt\n",
        *(f"x.tt A 198.18.{number >> 8}.{number & 255}\n" for number in range(MANY)),
        *(f"mx.tt MX {number} host{number}.tt\n" for number in range(2000)),
        *(f"ns.tt NS ns{number}.ns.tt\n" for number in range(300)),
        *(f"ns{number}.ns.tt A 192.0.2.1\n" for number in range(300)),
        *(f'txt.tt TXT "{number:0>200}"\n' for number in range(200)),
        f"mx.dd2 DNAME {'a.' * 100}tt\n",
        f"{'a.' * 100}tt MX 1 x.tt\n",
    )
)


@pytest.fixture
def nothing_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: PythonHotPath, packet: bytes, *_: object) -> bytes:
        raise AssertionError(f"handed over: {packet.hex()}")

    monkeypatch.setattr(PythonHotPath, "answer", fail)


def query(qname: bytes, qtype: int, payload: int, do: bool) -> bytes:
    opt = pack(">BHHIH", 0, rr.OPT, payload, do << 15, 0) if payload else b""
    header = pack(">6H", 1, 0, 1, 0, 0, bool(opt))
    return header + qname + pack(">2H", qtype, 1) + opt


QUERIES = [
    query(wire(f"{below}.{owner}.example."), qtype, *edns)
    for below, owner, qtype, edns in product(
        ("x", "mx", "ns", "a.ns", "txt", "no", "a." * 90 + "mx"),
        ("tt", "dd", "d0", "a.w", "mx.dd2"),
        (rr.A, rr.MX, rr.TXT, rr.NS),
        ((0, False), (1232, False), (4096, True)),
    )
]


@pytest.mark.usefixtures("nothing_is_handed_over")
@pytest.mark.parametrize("make", [zone, signed, partial(signed, nsec3=Nsec3())])
def test_large_answers(make: Callable[[str], Zone]) -> None:
    data = make(TEXT)
    path = native.NativeHotPath(Settings(udp_payload=4096), counters.fresh())
    path.put_zone(data.apex, image(data))
    for asked, client in product(QUERIES, CLIENTS):
        assert path.answer(asked, NOW, client)


def test_large_answers_are_those_of_the_readable_twin() -> None:
    data = zone(TEXT)
    cells = counters.fresh(), counters.fresh()
    settings = Settings(udp_payload=4096)
    paths = PythonHotPath(settings, cells[0]), native.NativeHotPath(settings, cells[1])
    for path in paths:
        path.put_zone(data.apex, image(data))
    for asked, client in product(QUERIES, CLIENTS):
        plain, fast = (path.answer(asked, NOW, client) for path in paths)
        assert fast == plain, asked.hex()
    assert cells[0] == cells[1]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("nothing_is_handed_over")
@given(scenes(models() | signed_models(models()) | crowded()))
def test_any_question_about_any_zone(scene: Scene) -> None:
    data = records_of(scene.model.zone())
    path = native.NativeHotPath(Settings(), counters.fresh())
    path.put_zone(data.apex, Image(compiler.build(data)))
    for asked, client in product(scene.queries, CLIENTS):
        assert path.answer(packet(asked, 1232), NOW, client)
