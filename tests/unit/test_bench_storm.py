"""The retry storm's parts: how caches retry, what is counted on the wire, what figures mean."""

from __future__ import annotations

import random
import socket
import struct

import dns.message
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.storm import picture, study, tap, wire
from bench.storm.caches import EAGER, HABITS, PATIENT, Caches, Habit, Outcome, Send, Transport
from bench.storm.study import Series, Storm, Storms, figures, parts, rows
from bench.storm.users import Agenda, Counts, pair_rates, zipf
from bench.study import results
from bench.tables import Table


def _caches(habit: Habit = PATIENT, patience: float = 5.0) -> tuple[Caches, list[Outcome]]:
    told: list[Outcome] = []
    return Caches(habit, patience, told.append), told


def test_what_is_held_is_not_asked_again() -> None:
    caches, told = _caches()
    assert caches.look_up(0.0, 7) == Send(7, 0, Transport.UDP, 0.4)
    assert caches.look_up(0.1, 7) is None
    caches.answer(0.2, 7, ttl=10)
    assert told == [Outcome(0.0, True), Outcome(0.1, True)]
    assert caches.look_up(10.1, 7) is None
    assert caches.look_up(10.3, 7) is not None


def test_tries_back_off_and_end_with_tcp() -> None:
    caches, told = _caches()
    sent, found = [], caches.look_up(0.0, 1)
    while found is not None:
        sent.append(found)
        found = caches.time_out(found.until, 1, found.attempt)
    assert [send.transport for send in sent] == [Transport.UDP] * 3 + [Transport.TCP]
    assert [round(send.until, 6) for send in sent] == [0.4, 1.2, 2.8, 6.0]
    assert told == [Outcome(0.0, False)]
    assert caches.look_up(6.1, 1) is None, "the failure is remembered"
    assert told[1:] == [Outcome(6.1, False)]
    assert caches.look_up(11.1, 1) is not None


def test_the_eager_send_eight_times_and_remember_nothing() -> None:
    caches, _ = _caches(EAGER)
    assert len(EAGER.tries) == 8
    for attempt in range(8):
        caches.open.clear()
        caches.look_up(0.0, 1)
        caches.open[1].attempt = attempt
        last = caches.time_out(1.0, 1, attempt) is None
        assert last == (attempt == 7)
    assert caches.look_up(1.0, 1) is not None


def test_an_answer_to_an_earlier_try_counts_and_a_late_one_is_none() -> None:
    caches, told = _caches(patience=1.0)
    caches.look_up(0.0, 1)
    caches.time_out(0.4, 1, 0)
    caches.look_up(0.9, 1)
    caches.answer(1.5, 1, ttl=10)
    assert told == [Outcome(0.0, False), Outcome(0.9, True)]
    assert caches.time_out(1.6, 1, 1) is None
    caches.answer(1.7, 1, ttl=99)
    assert caches.fresh[1] == 11.5


def test_flushed_caches_ask_again() -> None:
    caches, _ = _caches()
    caches.look_up(0.0, 1)
    caches.answer(0.1, 1, ttl=100)
    caches.failed[2] = 100.0
    caches.flush()
    assert caches.look_up(0.2, 1) is not None
    assert caches.look_up(0.2, 2) is not None


@given(
    habit=st.sampled_from(HABITS),
    steps=st.lists(
        st.tuples(st.sampled_from("qqqat"), st.integers(0, 3), st.floats(0.01, 2)), max_size=80
    ),
)
def test_each_lookup_has_one_outcome_and_no_more_tries_than_wanted(
    habit: Habit, steps: list[tuple[str, int, float]]
) -> None:
    caches, told = _caches(habit)
    now, asked = 0.0, 0
    last: dict[int, int] = {}
    for what, pair, pause in steps:
        now += pause
        sent = None
        if what == "q":
            asked += 1
            sent = caches.look_up(now, pair)
        elif what == "a":
            caches.answer(now, pair, ttl=1)
        elif pair in last:
            sent = caches.time_out(now, pair, last[pair])
        if sent is not None:
            assert 0 <= sent.attempt < len(habit.tries)
            assert sent.attempt in {0, last.get(pair, 0) + 1}
            last[pair] = sent.attempt
    caches.end()
    assert len(told) == asked


def test_the_stationary_state_is_half_full_where_demand_times_ttl_is_one() -> None:
    caches, _ = _caches()
    caches.begin(100.0, [0.1] * 4000, 10, random.Random(1))
    assert len(caches.fresh) / 4000 == pytest.approx(0.5, abs=0.03)
    rests = [until - 100.0 for until in caches.fresh.values()]
    assert 0 <= min(rests) <= max(rests) <= 10
    assert sum(rests) / len(rests) == pytest.approx(5, abs=0.3)


def test_demand_is_shared_out_whole() -> None:
    shares = zipf(50, 1.0)
    assert shares[-1] == pytest.approx(1)
    rates = pair_rates(30.0, zipf(4, 1.0), shares)
    assert len(rates) == 200
    assert sum(rates) == pytest.approx(30)
    assert rates[0] == max(rates)


def test_the_agenda_keeps_time_and_order() -> None:
    agenda, done = Agenda(), list[str]()
    for when, what in ((2.0, "late"), (1.0, "first"), (1.0, "second"), (9.0, "never")):
        agenda.at(when, lambda _, what=what: done.append(what))  # type: ignore[misc]
    assert agenda.run(2.5) == 9.0
    assert done == ["first", "second", "late"]
    assert agenda.late == 1.5


def test_outcomes_are_counted_in_the_second_of_the_question() -> None:
    counts = Counts()
    for asked, answered in ((1.2, True), (1.9, False), (2.0, True)):
        counts.add("eager", Outcome(asked, answered))
    assert counts.rows() == [(1, "eager", 1, 1), (2, "eager", 1, 0)]


def test_messages() -> None:
    query = wire.query(4711, 12, recursion=True)
    parsed = dns.message.from_wire(query)
    assert parsed.id == wire.message_id(query) == 4711
    assert parsed.question[0].to_text() == "h12.storm.example. IN A"
    answer = wire.response(query, 17)
    assert (
        dns.message.from_wire(answer).answer[0].to_text() == "h12.storm.example. 17 IN A 192.0.2.1"
    )
    assert wire.is_answer(answer)
    failed = bytearray(answer)
    failed[3] |= 2
    assert not wire.is_answer(bytes(failed))
    assert not wire.is_answer(query)
    assert wire.message_id(b"\0" * 11) == -1


def _frame(protocol: int, port: int, flags: int = 0, options: int = 0) -> bytes:
    ip = bytes([0x45 + options, 0]) + b"\0" * 7 + bytes([protocol]) + b"\0\0"
    ip += socket.inet_aton("10.53.1.2") + socket.inet_aton("10.53.0.1") + b"\0" * 4 * options
    return (
        b"\0" * 12
        + b"\x08\0"
        + ip
        + struct.pack("!HHIIBBHHH", 4000, port, 1, 0, 80, flags, 0, 0, 0)
    )


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (_frame(tap.UDP, 53), ("10.53.1.2", "udp")),
        (_frame(tap.UDP, 53, options=2), ("10.53.1.2", "udp")),
        (_frame(tap.TCP, 53, tap.SYN), ("10.53.1.2", "tcp")),
        (_frame(tap.TCP, 53, tap.ACK), None),
        (_frame(tap.TCP, 53, tap.SYN | tap.ACK), None),
        (_frame(tap.UDP, 5353), None),
        (_frame(1, 53), None),
        (_frame(tap.UDP, 53).replace(b"\x08\0", b"\x86\xdd", 1), None),
    ],
)
def test_only_queries_are_counted(frame: bytes, found: tuple[str, str] | None) -> None:
    assert tap.classify(frame) == found


@given(st.binary(max_size=80))
def test_no_frame_confuses_the_tap(frame: bytes) -> None:
    tap.classify(frame)
    tap.classify(b"\0" * 12 + b"\x08\0" + frame)


def _storm(load: list[int], failed: list[int], before: int = 4, outage: int = 3) -> Storm:
    group = Series(
        group="eager",
        caches=9,
        udp=load,
        tcp=[0] * len(load),
        answered=[100 - share for share in failed],
        failed=failed,
    )
    after = len(load) - before - outage
    return Storm(
        ttl=60,
        failure="vanished",
        cold=False,
        before=before,
        outage=outage,
        after=after,
        groups=[group],
        dropped=0,
        lost=0,
        late=0.01,
    )


def test_figures_of_a_storm() -> None:
    load = [10, 12, 8, 10, 40, 80, 60, 90, 30, 10, 10, 10, 10, 10]
    failed = [0] * 4 + [50, 100, 100] + [20, 1, 0, 0, 0, 0, 0]
    storm = _storm(load, failed)
    found = figures(storm, storm.groups)
    assert (found.normal, found.during, found.growth) == (10, 60, 6)
    assert (found.peak, found.returning) == (80, 90)
    assert found.failed == pytest.approx(250 / 300)
    assert found.recovered == 2, "90 and 30 weigh on the seconds beside them"
    assert found.served == 1


def test_what_does_not_become_normal_is_not_said_to() -> None:
    storm = _storm([10] * 4 + [50] * 3 + [50] * 7, [0] * 4 + [100] * 10)
    found = figures(storm, storm.groups)
    assert found.recovered is None
    assert found.served is None


@given(st.lists(st.booleans(), max_size=30))
def test_steady_is_the_first_row_that_is_long_enough(normal: list[bool]) -> None:
    found = study.steady(normal)
    starts = [
        i for i in range(len(normal) - study.STEADY_S + 1) if all(normal[i : i + study.STEADY_S])
    ]
    assert found == (starts[0] if starts else None)


def test_real_resolvers_and_simulated_caches_are_told_apart() -> None:
    storm = _storm([10] * 4 + [60] * 3 + [10] * 7, [0] * 14)
    (eager,) = storm.groups
    real = msgspec.structs.replace(eager, group="Unbound", udp=[1] * 14)
    both = msgspec.structs.replace(storm, groups=[real, eager])
    assert study.sides(both) == {study.Side.REAL: [real], study.Side.SIMULATED: [eager]}
    # Each in multiples of its own normal load, so that both are on one scale.
    assert study.times_normal(both, [real]) == [1.0] * 14
    assert max(study.times_normal(both, [eager])) == 6
    storms = Storms(kind="retry-storm", about=results.about({}), words={}, storms=[both])
    growth = {each.what: each.values for each in study.totals(storms) if each.unit == "× normal"}
    assert growth == {
        "TTL 60 s, vanished: real resolvers, load": [1.0],
        "TTL 60 s, vanished: simulated caches, load": [6.0],
    }
    assert len(picture.draw(storms).axes) == 3


def test_a_report_has_every_storm_and_every_group() -> None:
    storm = _storm([10] * 14, [0] * 14)
    words = {"eager": "9 simulated caches"}
    storms = Storms(kind="retry-storm", about=results.about({}), words=words, storms=[storm])
    _text, whole, one, _words, played = parts(storms)
    assert isinstance(whole, Table)
    assert isinstance(one, Table)
    assert whole.rows[0][0] == one.title == "TTL 60 s, vanished"
    assert one.rows[0][0] == "eager (9)"
    assert "at most 10 ms late" in str(played)
    table = rows(storms)
    assert len(table) == 14
    assert (table[0].second, table[-1].second) == (-4, 9)
