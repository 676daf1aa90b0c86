"""What stands between users, real resolvers and a server in bench ttl: octets, ways, schedules."""

from __future__ import annotations

import asyncio
import math
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from bench.peers.base import Setup, Unavailable
from bench.study.errors import StudyError
from bench.ttl import groups, habits, model, names, own, real
from bench.ttl.asking import Address, Answer, Ask, ask
from bench.ttl.caches import Cache, Clock
from bench.ttl.demand import Population
from bench.ttl.names import Played, RRset
from bench.ttl.resolvers import RESOLVERS
from bench.ttl.site import Lookup, Observed, questions
from bench.ttl.way import Passed, Ways, marked

if TYPE_CHECKING:
    from pathlib import Path

NAME = RRset("www.example.com.", "AAAA")
PLAYED = Played(2, 17)
QUERY = names.question(NAME._replace(name=PLAYED.of(NAME.name)))
PEOPLE = Population(200, 5, 100.0)


def _answer(query: bytes, ttl: int) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(query))
    question = response.question[0]
    alias, host = question.name, "host.example.com."
    response.answer.append(dns.rrset.from_text(alias, ttl, "IN", "CNAME", host))
    response.answer.append(dns.rrset.from_text(host, ttl + 9, "IN", "AAAA", "2001:db8::1"))
    response.authority.append(dns.rrset.from_text("example.com.", 9, "IN", "NS", "ns.example.com."))
    response.additional.append(dns.rrset.from_text("ns.example.com.", 9, "IN", "A", "192.0.2.1"))
    return response.to_wire()


# -- octets ---------------------------------------------------------------------------------


def test_a_pair_is_asked_for_by_a_name_of_its_own() -> None:
    query = dns.message.from_wire(QUERY)
    assert query.question[0].to_text() == "p17g2--www.example.com. IN AAAA"
    assert query.flags & dns.flags.RD


@given(
    st.integers(0, 999),
    st.integers(0, 99_999_999),
    st.sampled_from(["www.example.com.", "example.com.", "a.b.example.", "p1g2--x.example."]),
)
def test_the_way_takes_off_what_marks_a_pair(group: int, pair: int, name: str) -> None:
    played = Played(group, pair)
    plain = names.question(RRset(name))
    query = names.question(RRset(played.of(name)))
    assert names.unmark(query) == (played, plain)
    # Resolvers change the case of what they ask, to tell their answers from forged ones.
    assert names.unmark(query.upper()) == (played, plain.upper())


def test_what_has_no_mark_passes_as_it_is() -> None:
    others = [names.question(RRset(name)) for name in ("www.example.", "p1--x.", "pxg2--x.", ".")]
    for query in [b"", QUERY[:10], *others]:
        assert names.unmark(query) == (None, query)


def test_the_mark_is_put_on_the_answer_and_nobody_else_is_told_of() -> None:
    _, plain = names.unmark(QUERY)
    found = dns.message.from_wire(marked(_answer(plain, 300), b"\x12\x34" + QUERY[2:], None))
    assert found.id == 0x1234
    assert [one.name.to_text() for one in found.answer] == [
        "p17g2--www.example.com.",
        "host.example.com.",
    ]
    assert [one.ttl for one in found.answer] == [300, 309]
    assert not found.authority
    assert not found.additional
    lowered = dns.message.from_wire(marked(_answer(plain, 300), QUERY, 5))
    assert [one.ttl for one in lowered.answer] == [5, 5]


def test_the_least_ttl_of_an_answer_is_read() -> None:
    assert names.answer_ttl(_answer(QUERY, 86_400)) == 86_400
    empty = dns.message.make_response(dns.message.from_wire(QUERY))
    assert names.answer_ttl(empty.to_wire()) is None
    assert names.answer_ttl(b"") is None
    empty.set_rcode(dns.rcode.SERVFAIL)
    assert names.answer_ttl(empty.to_wire()) is None


def test_a_name_needs_room_for_its_mark() -> None:
    assert names.fits("www.example.com.")
    assert not names.fits("a" * 60 + ".example.com.")
    too_long = groups.Demand(np.ones(1), np.zeros(1, dtype=np.int64), [RRset("a" * 60 + ".x.")])
    with pytest.raises(StudyError, match="too long a first label"):
        groups.playable(too_long)


def test_the_zone_has_all_names_with_their_ttls(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    names.write_zone(path, [0, 300], 3)
    lines = [line.split() for line in path.read_text().splitlines() if "-t" in line]
    assert [(line[0], line[1]) for line in lines] == [
        (names.owner(number, ttl), str(ttl)) for ttl in (0, 300) for number in range(3)
    ]


# -- the way --------------------------------------------------------------------------------


class _Server(asyncio.DatagramProtocol):
    """Answers with a TTL of 300."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        assert names.unmark(data) == (None, data)
        self.transport.sendto(_answer(data, 300), addr)


def _over_the_way(asked: list[tuple[int, Played]], **state: Any) -> tuple[list[Answer], Ways]:
    """Ask over two ways, as resolvers do; ``state`` is that of the ways."""

    async def play() -> tuple[list[Answer], Ways]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(_Server, local_addr=("127.0.0.1", 0))
        ways = Ways(transport.get_extra_info("sockname"), 0.05)
        await ways.open(2)
        for name, value in state.items():
            setattr(ways, name, value)
        schedule = [
            Ask(index * 0.01, ("127.0.0.1", ways.ports[way]), names.question(_of(played)))
            for index, (way, played) in enumerate(asked)
        ]
        answers = await ask(schedule)
        ways.close()
        transport.close()
        return answers, ways

    return asyncio.run(play())


def _of(played: Played) -> RRset:
    return NAME._replace(name=played.of(NAME.name))


def test_answers_come_back_over_the_way_and_all_that_passes_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.ttl.asking.PATIENCE_S", 60.0)
    asked = [(0, Played(0, 1)), (1, Played(1, 2)), (1, Played(1, 3))]
    lives = {(1, Played(1, 3)): 4}
    answers, ways = _over_the_way([*asked, asked[2]], sets={1: 60}, lives=lives)
    # The group's TTL is set; for once, and for one resolver's pair, a lower one.
    assert [answer.ttl for answer in answers] == [300, 60, 4, 60]
    assert all(0.05 <= answer.took < math.inf for answer in answers)
    assert [(each.resolver, each.played) for each in ways.passed] == [*asked, asked[2]]


def test_a_server_that_is_cut_off_is_asked_and_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.ttl.asking.PATIENCE_S", 0.3)
    asked = [(0, Played(0, 1)), (1, Played(1, 2))]
    answers, ways = _over_the_way(asked, cut=True)
    assert [answer.took for answer in answers] == [math.inf, math.inf]
    assert len(ways.passed) == 2
    monkeypatch.setattr("bench.ttl.asking.PATIENCE_S", 5.0)
    answers, _ = _over_the_way(asked, silent={Played(1, 2)})
    assert [answer.ttl for answer in answers] == [300, None]


def test_nobody_there_is_a_loss_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.ttl.asking.PATIENCE_S", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address: Address = gone.getsockname()
    (answer,) = asyncio.run(ask([Ask(0, address, QUERY)]))
    assert answer.took == math.inf


def test_what_is_asked_again_without_a_user_is_repeated() -> None:
    lookups = [Lookup(when, 0, PLAYED, NAME) for when in (0.0, 5.0)]
    answers = [Answer(sent=100.0), Answer(sent=105.0)]
    passed = [Passed(when, 0, PLAYED) for when in (100.1, 100.4, 105.1)]
    seen = Observed(lookups, answers, [*passed, Passed(101.0, 0, None)], 100.0)
    asked = questions(seen)[0, PLAYED]
    assert [each.repeated for each in asked] == [False, True, False]


# -- demand ---------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1.0, 7.0, 1000.0])
def test_pairs_are_chosen_evenly(most: float) -> None:
    (group,) = groups.of_population(PEOPLE, [60], most)
    assert group.played.rate <= most * 1.3
    share = group.played.rates.size / PEOPLE.rates().size
    assert group.scale == pytest.approx(1 / share, rel=0.15)
    assert group.scale * model.expected(group.played.rates, 60) == pytest.approx(
        model.expected(PEOPLE.rates(), 60)
    )


def test_a_server_has_ttls_of_its_own_unless_others_are_wanted() -> None:
    rrsets = [RRset("a.example."), RRset("b.example.")]
    demand = groups.Demand(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 1]), rrsets)
    found = groups.of_server(demand, [60, 5], [], 100)
    assert [(each.ttl, each.played.rate, each.sets) for each in found] == [
        (5, 5.0, False),
        (60, 1.0, False),
    ]
    found = groups.of_server(demand, [60, 5], [300], 100)
    assert [(each.ttl, each.played.rate, each.sets) for each in found] == [(300, 6.0, True)]


_CACHES = st.builds(
    Cache,
    floor=st.sampled_from([0.0, 1.0, 5.0]),
    cap=st.sampled_from([math.inf, 7200.0]),
    prefetch=st.sampled_from([0.0, 0.1]),
    ahead=st.sampled_from([0.0, 2.0]),
    ahead_from=st.just(9.0),
    trip=st.just(0.02),
)


@given(_CACHES, st.sampled_from([1, 5, 9, 60, 300, 86_400]), st.integers(0, 1000))
def test_what_fills_a_cache_leaves_what_would_be_left(cache: Cache, ttl: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = rng.random(50) * cache.holds(ttl)
    lives, before = real.filling(cache, ttl, left, 10.0, rng)
    assert np.all((before >= -10) & (before <= 0))
    assert np.all(lives == np.round(lives))
    again = cache.agains(before, lives)
    assert again == pytest.approx(left, abs=1e-9)


def test_what_is_over_is_over_when_it_begins() -> None:
    rng = np.random.default_rng(1)
    for clock in Clock:
        cache = Cache(clock=clock, stale=3600, trip=0.02)
        lives, before = real.filling(cache, 60, np.full(50, -30.0), 10.0, rng)
        assert np.all(before >= -10)
        assert np.all(cache.agains(before, lives) < 0)


def test_caches_are_filled_before_the_window_and_only_then() -> None:
    found = tuple(groups.of_population(PEOPLE, [0, 30], 25.0))
    plan = real.Plan(("unbound",), found, 60.0, 20.0, 0.02, 1)
    kind = replace(RESOLVERS["unbound"], cache=Cache())
    lookups = real.schedule(plan, 0, kind)
    assert lookups == real.schedule(plan, 0, kind)
    early = [each for each in lookups if each.life is not None]
    assert early
    assert all(each.played.group == 1 and each.when <= plan.lead for each in early)
    assert len({each.played for each in early}) == len(early)
    later = [each for each in lookups if each.life is None]
    assert all(plan.lead <= each.when <= plan.total for each in later)
    expected = sum(group.played.rate for group in found) * (plan.seconds + plan.outage)
    assert abs(len(later) - expected) < 5 * expected**0.5


def _met(times: list[float], lives: list[int | None]) -> real._Met:
    asked = [
        (Lookup(when, 0, PLAYED, NAME, life), Answer(sent=when))
        for when, life in zip(times, lives, strict=True)
    ]
    return real._Met(asked, [])


def test_twins_meet_the_same_lookups() -> None:
    met = _met([90, 101, 105, 111, 130], [4, None, None, None, None])
    twins = real.Twins(met, 10, (100, 120))
    # Filled for 4 s at 90: asks at 101 and at 111; and what is after the window is not counted.
    assert twins.asks(Cache()) == 2
    assert twins.asks(Cache(floor=12)) == 1
    assert not twins.differ(Cache(), Cache(floor=4))
    assert twins.differ(Cache(), Cache(floor=5))


# -- what is documented ---------------------------------------------------------------------


def _as_documented(cache: Cache, said: Cache) -> list[bool]:
    """Return which habits of ``cache`` agree with what is ``said`` of it."""
    lookups = habits.schedule(0, NAME)
    kind = replace(RESOLVERS["unbound"], cache=said)
    begin, held, answers, passed = 1000.4, dict[Played, tuple[float, float]](), [], []
    for each in lookups:
        now = begin + each.when
        ttl = {habits._MOST: habits.MOST, habits._STALE: 1, habits._NEVER: 0}.get(each.played.group)
        ttl = habits.HELD[each.played.group - habits.GROUPS].ttl if ttl is None else ttl
        again, over = held.get(each.played, (0.0, 0.0))
        given: int | None = round(min(cache.cap, max(ttl, cache.floor)))
        if now >= again and each.when <= habits.CUT_S:
            passed.append(Passed(now, 0, each.played))
            again = float(cache.again(np.array([now]), ttl)[0])
            held[each.played] = again, now + cache.lifetime(ttl) + cache.stale_for(ttl)
        elif each.when > habits.CUT_S and now >= over:
            given = None
        answers.append(Answer(now, 0.0, given))
    seen = Observed(lookups, answers, passed, begin)
    return [habit.agrees for habit in habits.habits(kind, 0, seen, 0.0)]


@pytest.mark.parametrize(
    ("cache", "said", "wrong"),
    [
        (Cache(), Cache(), []),
        (Cache(clock=Clock.LATER), Cache(clock=Clock.LATER), []),
        (Cache(floor=5), Cache(floor=5), []),
        (Cache(stale=3600), Cache(stale=3600), []),
        (Cache(clock=Clock.LATER), Cache(clock=Clock.EARLIER), [1, 2]),
        (Cache(), Cache(floor=1), [0]),
        (Cache(floor=5), Cache(), [0, 1]),
        (Cache(ahead=2, ahead_from=9), Cache(), [2]),
        (Cache(cap=86_400), Cache(), [3]),
        (Cache(stale=3600), Cache(), [4]),
        (Cache(), Cache(stale=3600), [4]),
    ],
)
def test_what_is_not_as_documented_is_found(cache: Cache, said: Cache, wrong: list[int]) -> None:
    found = _as_documented(cache, said)
    assert [index for index, agrees in enumerate(found) if not agrees] == wrong


@pytest.mark.parametrize("name", RESOLVERS)
def test_every_resolver_asks_the_port_it_is_told(name: str, tmp_path: Path) -> None:
    peer = RESOLVERS[name].peer(4321)
    try:
        peer.prepare(Setup(tmp_path, names.ORIGIN, tmp_path, 5678))
    except Unavailable as error:
        pytest.skip(str(error))
    config = (tmp_path / "recursor.conf").read_text()
    assert "4321" in config
    assert "5678" in config


# -- an operator's own ----------------------------------------------------------------------


@given(st.integers(0, 1000), st.sampled_from([5, 30, 120]), st.integers(1, 3))
def test_an_own_resolver_shows_what_it_asks(seed: int, ttl: int, caches: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(2.0, 200))
    held = [float(rng.random() * ttl) for _ in range(caches)]
    first = list(held)
    asks, answers = 0, []
    for when in times.tolist():
        which = int(rng.integers(caches))
        if when >= held[which]:
            held[which], asks = when + ttl, asks + 1
        answers.append(Answer(when, 0.01, round(held[which] - when)))
    assert first
    asked = own.Names([NAME], np.array([0.5]), [ttl])
    found = own.result(("192.0.2.1", 53), asked, 400.0, [0] * len(answers), answers)
    if caches == 1:
        assert abs(found.asks - asks) <= 1
        assert abs(found.documented - asks) <= 1
        assert found.caches == 1
    else:
        # Answers that are over within SLACK_S of each other are taken for one.
        assert found.asks <= asks + caches
    assert found.expected == pytest.approx(1 / (1 / 0.5 + ttl))


def test_several_caches_behind_an_address_are_seen() -> None:
    answers = [Answer(when, 0.01, ttl) for when, ttl in ((0, 60), (10, 60), (20, 60), (30, 30))]
    found = own.result(
        ("192.0.2.1", 53), own.Names([NAME], np.ones(1), [60]), 40.0, [0] * 4, answers
    )
    assert (found.asks, found.documented, found.caches) == (2, 0, 2)
