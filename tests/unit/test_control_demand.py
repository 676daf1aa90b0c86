"""When windows of demand begin and end, and what is told of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dnsd.config import Demand
from dnsd.control.demand import DemandKeeper
from dnsd.errors import AdminError
from dnsd.hotpath.body import Body
from dnsd.hotpath.limiter import AnswerKind, BucketKey
from dnsd.hotpath.sketch import Sketch
from dnsd.image.state import StateVector
from dnsd.wire.name import from_text

S = 1_000_000_000
DAY = 1_800_000_000
WWW = from_text("www.example.com.")
ANSWER = bytes((0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0)) + WWW + bytes((0, 1, 0, 1))
RECORD = b"\xc0\x0c\0\1\0\1" + (300).to_bytes(4) + b"\0\4\xc0\0\2\1"
NODATA = bytes((0, 0, 0x84, 0, 0, 1, 0, 0, 0, 1, 0, 0)) + WWW + bytes((0, 28, 0, 1))


class Scene:
    """A control that looks, and workers that count."""

    def __init__(self) -> None:
        self.settings = Demand(enabled=True, window=3600)
        self.vector = StateVector.create(2)
        self.keeper = self.another()

    def another(self) -> DemandKeeper:
        return DemandKeeper(self.vector, lambda: self.settings, lambda: ["example.com.", "com."])

    def note(self, address: str = "192.0.2.1", worker: int = 0, rtype: int = 1) -> None:
        sketch = Sketch(self.vector.sketched(worker))
        answers = rtype == 1
        body = Body(0, account=BucketKey(AnswerKind.ANSWER if answers else AnswerKind.NODATA))
        response = (ANSWER if answers else NODATA) + RECORD
        sketch.note(address, WWW, rtype, body, response, DAY)

    def told(self, **request: Any) -> Any:
        return asyncio.run(self.keeper.commands()["demand"](request))  # type: ignore[arg-type]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_window_lasts_as_long_as_configured_and_the_one_before_is_kept(scene: Scene) -> None:
    scene.keeper.look(10 * S, DAY)
    scene.note()
    scene.note(worker=1)
    scene.note("192.0.2.9", rtype=28)
    told = scene.told()
    assert (told["began"], told["queries"], len(told["pairs"])) == (DAY, 3, 2)
    by_kind = {pair["kind"]: pair for pair in told["pairs"]}
    data, negative = by_kind["data"], by_kind["negative"]
    assert (data["name"], data["type"], data["ttl"]) == ("www.example.com.", "A", 300)
    assert [queries for queries, _ in data["parts"]] == [1, 1]
    assert (negative["name"], negative["type"]) == ("example.com.", "SOA")
    scene.keeper.look(3609 * S, DAY + 3599)
    assert scene.told()["queries"] == 3
    scene.keeper.look(3610 * S, DAY + 3600)
    assert scene.told()["queries"] == 0
    assert scene.told(last=True)["queries"] == 3
    assert scene.told(last=True)["seconds"] == 3600
    scene.note()
    (again,) = scene.told()["pairs"]
    assert again["source"] != data["source"]


def test_a_control_that_takes_over_goes_on(scene: Scene) -> None:
    scene.keeper.look(10 * S, DAY)
    scene.note()
    scene.keeper = scene.another()
    scene.keeper.look(20 * S, DAY + 10)
    assert scene.told()["queries"] == 1


def test_what_is_not_there_is_said(scene: Scene) -> None:
    with pytest.raises(AdminError, match="counting has just begun"):
        scene.told()
    scene.settings = Demand()
    scene.keeper.look(10 * S, DAY)
    with pytest.raises(AdminError, match='set "enabled = true" in'):
        scene.told()
    assert scene.keeper.status(11 * S) is None
    scene.settings = Demand(enabled=True)
    scene.keeper.look(12 * S, DAY)
    with pytest.raises(AdminError, match="no earlier window"):
        scene.told(last=True)
    assert scene.keeper.status(15 * S) == {"seconds": 3.0, "queries": 0, "full": 0.0}


def test_the_key_is_nowhere_but_in_memory_and_changes(scene: Scene) -> None:
    keys = []
    for number in range(4):
        scene.keeper.look((10 + 3600 * number) * S, DAY)
        control = scene.vector.sketched(0).control
        at = 8 + 8 * (control[0] & 1)
        keys.append((control[at], control[at + 1]))
    assert len(set(keys)) == 4
