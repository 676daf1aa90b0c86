"""``dnsd top``: what comes most often, the last that were odd, who listens, the picture."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dnsd.cli import toppicture
from dnsd.cli.console import SafeConsole
from dnsd.control.tap.findings import SHOWN, Findings
from dnsd.control.tap.heavy import SIZE, HeavyHitters
from dnsd.control.tap.listeners import Interest, Listeners
from dnsd.control.tap.top import TopKeeper
from dnsd.hotpath import Client, Transport
from dnsd.hotpath.body import Body
from dnsd.hotpath.limiter import Admission
from dnsd.hotpath.tap import Tap
from dnsd.image import tap
from dnsd.image.state import StateVector
from dnsd.image.tap import ALL, TapControl, TapFlag, Tapped
from dnsd.metrics import counters
from tests.packets import query


def tapped(name: str, flags: int = 0, number: int = 1) -> Tapped:
    return Tapped(
        flags, 4711, number, 5_000, 2_000_000, 29, 12, 4, False, 5, 0,
        bytes((192, 0, 2, 7)), query(name), b"",
    )  # fmt: skip


# -- what comes most often ------------------------------------------------------------------------


@given(st.lists(st.integers(0, 20).map(str), max_size=200))
def test_few_things_are_counted_exactly(things: list[str]) -> None:
    heavy = HeavyHitters()
    for one in things:
        heavy.add(one)
    truth = Counter(things)
    assert {one.what: round(one.share * len(things)) for one in heavy.most(99)} == truth


@given(st.integers())
def test_what_is_often_is_found_among_any_number_of_others(seed: int) -> None:
    draw = random.Random(seed)
    heavy, truth, total = HeavyHitters(), Counter[str](), 2_000
    for number in range(total):
        what = draw.choice("ab") if draw.random() < 0.2 else f"made up {number}"
        truth[what] += 1
        heavy.add(what)
    found = {one.what: one.share * total for one in heavy.most(2)}
    assert found.keys() == {"a", "b"}
    for what, count in found.items():
        assert truth[what] - total / SIZE <= count <= truth[what]


def test_what_was_long_ago_fades() -> None:
    heavy = HeavyHitters()
    for _ in range(100):
        heavy.add("old")
    for _ in range(60):
        heavy.fade(0.9)
    heavy.add("new")
    assert [one.what for one in heavy.most(2)] == ["new"]


# -- what is found --------------------------------------------------------------------------------


def test_the_last_odd_queries_are_kept_by_kind_the_latest_first() -> None:
    findings = Findings()
    for number in range(SHOWN + 5):
        findings.take(tapped(f"r{number}.", TapFlag.REFUSED), 0, 0)
    findings.take(tapped("s.", TapFlag.SLOW | TapFlag.LIMITED), 0, 10**18)
    told = findings.told()
    assert [one["name"] for one in told["refused"]] == [f"r{14 - n}." for n in range(SHOWN)]
    assert told["slow"] == told["limited"]
    assert told["slow"][0] == {
        "time": 1_000_000_000.000005,
        "client": "192.0.2.7",
        "protocol": "udp",
        "name": "s.",
        "type": "A",
        "rcode": "REFUSED",
        "microseconds": 2000.0,
    }
    assert (told["seen"], told["names"]) == (0, [])


def test_names_and_clients_are_those_of_the_sample_only() -> None:
    findings, threshold = Findings(), tap.threshold(10)
    for number in range(1000):
        findings.take(tapped("WWW.Example.", number=number), threshold, 0)
    told = findings.told()
    assert abs(told["seen"] - 100) <= 1
    assert told["names"] == [{"what": "www.example.", "share": 1.0}]
    assert told["clients"] == [{"what": "192.0.2.7", "share": 1.0}]


# -- who listens ----------------------------------------------------------------------------------


def test_workers_take_as_much_as_the_one_who_wants_most() -> None:
    words = memoryview(bytearray(8 * tap.CONTROL)).cast("Q")
    words[TapControl.THRESHOLD] = words[TapControl.ODD] = 1  # of an earlier process
    listeners = Listeners(words)

    def now() -> tuple[int, int]:
        return words[TapControl.THRESHOLD], words[TapControl.ODD]

    assert now() == (0, 0)
    listeners.want("a", Interest(10))
    listeners.want("b", Interest(0, odd=True))
    assert now() == (tap.threshold(10), 1)
    listeners.want("b", Interest(1))
    assert now() == (ALL, 0)
    listeners.leave("b")
    assert now() == (tap.threshold(10), 0)
    listeners.leave("a")
    listeners.leave("a")
    assert now() == (0, 0)


def test_a_sample_is_taken_while_somebody_asks_and_no_more_than_can_be_read() -> None:
    async def scene() -> None:
        vector = StateVector.create(1)
        keeper = TopKeeper(vector, Listeners(vector.tap_control))
        (answer,) = keeper.commands().values()

        async def command() -> Any:
            return await answer({})

        assert (await command())["seen"] == 0
        assert vector.tap_control[TapControl.THRESHOLD] == ALL
        worker = Tap(vector.tapped(0))
        client = Client(Transport.UDP, "192.0.2.7", 1)
        body = Body(5, verdict=Admission.SEND)
        for _ in range(10):
            worker.note(1, query("www.example."), client, body, b"")
        keeper._turn()
        found = await command()
        assert (found["seen"], found["lost"], len(found["refused"])) == (10, 0, SHOWN)
        vector.counters(0)[counters.INDEX["queries_udp"]] += 1_000_000
        keeper._adapt()
        assert (await command())["one_in"] == 10_000
        assert vector.tap_control[TapControl.THRESHOLD] == tap.threshold(10_000)
        keeper._until = 0.0
        assert keeper._look is not None
        await keeper._look
        assert list(vector.tap_control[:2]) == [0, 0]

    asyncio.run(scene())


# -- the picture ----------------------------------------------------------------------------------


RATES = {"queries_udp": 2000.0, "qtype_28": 5.5}


def found(**changed: Any) -> dict[str, Any]:
    odd = Findings()
    odd.take(tapped("evil\x1b[2J.example.", TapFlag.REFUSED), ALL, 0)
    return {
        "version": "1",
        "pid": 7,
        "uptime": 61.0,
        "workers": [{"index": 0, "pid": 8, "lag": 0.0012, "tcp_open": 3, "silent": 0.0}],
        "zone_states": {"serving": 2},
        "route": None,
        "limited": [{"network": "192.0.2.0/24", "kinds": ["answer"], "withheld": 1234}],
        "problems": [],
        "per_second": {name: RATES.get(name, 0.0) for name in counters.NAMES},
        "pools": {"pools": 1, "reduced": 1, "unseen": 0},
        "pool": [
            {
                "name": "www.example.",
                "type": "A",
                "answered": ["192.0.2.1"],
                "ttl": 30,
                "members": [
                    {"address": "192.0.2.1", "state": "up"},
                    {"address": "192.0.2.2", "state": "down"},
                ],
            }
        ],
        "queries": {**odd.told(), "seconds": 5.0, "one_in": 20, "lost": 3},
        **changed,
    }


def painted(what: dict[str, Any]) -> str:
    console = SafeConsole()
    console.width = 200
    with console.capture() as capture:
        console.print(toppicture.picture(what))
    return capture.get()


def test_the_picture_says_what_there_is() -> None:
    text = painted(found())
    for part in (
        "2,000 UDP",
        "AAAA  5.5",
        "one query in 20",
        "3 lost",
        "192.0.2.0/24  answer   1,234",
        "1/2       30   192.0.2.1 up, 192.0.2.2 down",
        "2,000 µs",
        "pools: 1, 1 reduced",
    ):
        assert part in text
    assert "\x1b" not in text
    assert "route" not in text


def test_the_picture_says_why_the_route_is_not_as_ordered() -> None:
    route = {"state": "drained", "as_ordered": False, "problems": [], "why": ["zones are late"]}
    text = painted(found(route=route, problems=["the disk is full"], limited=[], pool=[]))
    assert "route: drained, not as ordered: zones are late" in text
    assert "problem: the disk is full" in text
