"""The soak: what counts as right, as explained, as growth."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rrset
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import wire
from bench.soak import questions, run
from bench.soak.client import LATE_S, TCP_S, Miss
from bench.soak.run import Plan, age
from bench.soak.study import MIB, Gauge, Soak, Spell, faults, growths, losses, sizes
from bench.soak.troubles import TROUBLES
from bench.study.results import About


def _response(query: bytes, *, rcode: int = 0, tc: bool = False, address: str = "") -> bytes:
    asked = dns.message.from_wire(query)
    response = dns.message.make_response(asked)
    response.set_rcode(dns.rcode.Rcode(rcode))
    if tc:
        response.flags |= dns.flags.TC
    if address:
        name = asked.question[0].name
        response.answer.append(dns.rrset.from_text(name, 300, "IN", "A", address))
    return response.to_wire()


@given(st.integers(0, 65535))
def test_only_the_whole_answer_is_right(number: int) -> None:
    query = questions.host(number)
    asked = dns.message.from_wire(query)
    host = number % questions.HOSTS
    assert asked.id == number
    assert asked.question[0].name == dns.name.from_text(f"h{host}.{questions.ORIGIN}")
    right = _response(query, address=f"192.0.2.{host}")
    assert questions.is_right(right, number)
    assert not questions.is_right(right, (number + 1) % 65536)
    assert not questions.is_right(_response(query, address=f"198.51.100.{host}"), number)
    assert not questions.is_right(_response(query, address=f"192.0.2.{host}", tc=True), number)
    assert not questions.is_right(_response(query, rcode=2), number)
    assert not questions.is_right(b"", number)


def test_the_zone_has_what_is_asked() -> None:
    zone = dns.zone.from_text(questions.zone(7), origin=questions.ORIGIN)
    assert zone.get_soa().serial == 7
    for number in range(questions.HOSTS):
        found = zone.find_rdataset(f"h{number}", "A")
        assert [record.address for record in found] == [f"192.0.2.{number}"]


def test_the_serial_is_read_whether_or_not_names_are_compressed() -> None:
    query = wire.message(questions.ORIGIN, "SOA", 1, edns=False)
    at = len(query) + 12
    for origin in (questions.ORIGIN, "other.example"):
        response = dns.message.make_response(dns.message.from_wire(query))
        soa = f"ns1.{origin}. hostmaster.{origin}. 123456 1 1 1 1"
        response.answer.append(dns.rrset.from_text(f"{questions.ORIGIN}.", 300, "IN", "SOA", soa))
        assert questions.serial_in(response.to_wire(), at) == 123456


def _gauge(round_: int, pid: int, memory: float, descriptors: int = 10) -> Gauge:
    return Gauge(round_, "master", pid, int(memory * MIB), descriptors)


def _soak(gauges: list[Gauge], **changes: Any) -> Soak:
    fields: dict[str, Any] = {
        "round": 1,
        "trouble": "quiet",
        "begin": 0.0,
        "seconds": 10.0,
        "sent": 100,
        "lost": 0,
        "wrong": 0,
        "unexplained": 0,
        "converged": 0.1,
        "worst": 0.0,
    }
    about = About("now", "command", {}, {})
    words = {"quiet": ("nothing happens", "nothing may be lost")}
    spells = [Spell(**fields | changes)]
    return Soak(kind="soak", about=about, words=words, spells=spells, gauges=gauges)


@pytest.mark.parametrize(
    ("gauges", "grown"),
    [
        # the first round is not warm yet
        ([_gauge(1, 7, 10), _gauge(2, 7, 20), _gauge(3, 7, 21)], False),
        ([_gauge(1, 7, 10), _gauge(2, 7, 20), _gauge(3, 7, 24)], True),
        ([_gauge(1, 7, 10), _gauge(2, 7, 20), _gauge(3, 7, 20, 11)], True),
        # another process
        ([_gauge(1, 7, 10), _gauge(2, 8, 20), _gauge(3, 9, 40)], False),
    ],
)
def test_a_process_that_grows_is_found(gauges: list[Gauge], grown: bool) -> None:
    soak = _soak(gauges)
    assert bool(growths(soak)) is grown
    assert bool(faults(soak)) is grown
    assert len(sizes(soak).rows) == (1 if gauges[1].pid == 7 else 0)


@pytest.mark.parametrize("change", [{"unexplained": 1}, {"wrong": 1}, {"converged": None}])
def test_what_should_not_have_happened_is_said(change: dict[str, Any]) -> None:
    soak = _soak([], **change)
    [sentence] = faults(soak)
    assert "round 1, quiet" in sentence
    [row] = losses(soak).rows
    assert row[0] == "quiet: nothing happens"


def test_a_loss_belongs_to_the_blow_that_met_its_answer() -> None:
    blows = [100.0, 200.0]
    assert age(Miss(99.9, "udp", wrong=False), blows) == 0.0
    assert age(Miss(100.0 - LATE_S - 1, "udp", wrong=False), blows) == run.NEVER
    assert age(Miss(100.0 - TCP_S + 1, "tcp", wrong=False), blows) == 0.0
    assert age(Miss(103.0, "udp", wrong=False), blows) == pytest.approx(3.0)
    assert age(Miss(50.0, "udp", wrong=False), []) == run.NEVER


def test_control_is_left_alone_in_the_second_half() -> None:
    plan = Plan(TROUBLES, rounds=4, seconds=1, rate=1, seed=1)
    assert [len(plan.of_round(n)) for n in (1, 2)] == [len(TROUBLES)] * 2
    calm = plan.of_round(3)
    assert calm == plan.of_round(4)
    assert {each.name for each in TROUBLES} - {each.name for each in calm} == {
        "kill control",
        "full disk, control dies",
    }


def test_a_full_disk_is_given_back(tmp_path: Path) -> None:
    done: list[str] = []
    node = SimpleNamespace(fill=lambda: done.append("fill"), free=lambda: done.append("free"))
    [full] = [each for each in TROUBLES if each.name == "full disk"]
    blows: Any = SimpleNamespace(node=node, directory=tmp_path)
    with pytest.raises(ZeroDivisionError), full.around(blows):
        raise ZeroDivisionError
    assert done == ["fill", "free"]
