"""What nodes agree on: no flip without enough votes, whoever is silent, in whatever order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from dnsd.config.policy import Scope
from dnsd.failover import quorum, ttl
from dnsd.failover.member import OUT, SERVED, Agreed, Forced, Member, MemberOrder, MemberState
from dnsd.failover.objective import FLIP_S, WHOLE_S, Timing, worst
from dnsd.failover.pool import PoolState
from dnsd.failover.quorum import OWN, Agreement, Ballot, SpokenVote, Vote, agreement, heard
from dnsd.failover.stored import Kept
from tests.failover import freeze, pool

A, B = "192.0.2.1", "192.0.2.2"
INTERVAL = 10.0
NOW = 1000.0
POLL_S = 6.0
"""How often nodes ask each other in the law of the objective: seldom, so that it tells."""
TWO_OF_THREE = Scope("quorum", 2, 3)

states = st.sampled_from(MemberState)
scopes = st.integers(1, 9).flatmap(
    lambda nodes: st.builds(
        Scope, st.just("quorum"), st.integers(nodes // 2 + 1, nodes), st.just(nodes)
    )
)
ages = st.sampled_from([0.0, 1.0, 29.9, 30.0, 30.1, 500.0])


def elections(scope: Scope) -> st.SearchStrategy[list[Vote]]:
    """Votes of as many nodes as there are, or fewer."""
    votes = st.tuples(states, ages)
    return st.lists(votes, max_size=scope.nodes).map(
        lambda found: [
            Vote("n" * (number + 1), state, NOW - age) for number, (state, age) in enumerate(found)
        ]
    )


elected = scopes.flatmap(lambda scope: st.tuples(st.just(scope), elections(scope)))
befores = st.sampled_from([None, *Agreed])


def agree(scope: Scope, votes: Iterable[Vote], before: Agreed | None = None) -> Agreement:
    return agreement(scope, votes, before, INTERVAL, NOW)


def count(votes: Iterable[Vote], states: Iterable[MemberState]) -> int:
    """Return how many of ``votes`` are fresh and for one of ``states``."""
    return sum(vote.state in states and NOW - vote.at < 3 * INTERVAL for vote in votes)


# -- laws -------------------------------------------------------------------------------------


@given(elected, befores)
def test_nothing_flips_without_enough_votes(
    election: tuple[Scope, list[Vote]], before: Agreed | None
) -> None:
    scope, votes = election
    found = agree(scope, votes, before)
    up, down = count(votes, SERVED), count(votes, OUT)
    assert found.firm == (up >= scope.need or down >= scope.need)
    assert found.agreed == (
        Agreed.UP if up >= scope.need else Agreed.DOWN if down >= scope.need else before
    )


@given(elected, befores, st.randoms())
def test_the_order_of_nodes_changes_nothing(
    election: tuple[Scope, list[Vote]], before: Agreed | None, chance: object
) -> None:
    scope, votes = election
    shuffled = list(votes)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert agree(scope, shuffled, before) == agree(scope, votes, before)


@given(elected, befores)
def test_nodes_with_the_same_votes_agree(
    election: tuple[Scope, list[Vote]], before: Agreed | None
) -> None:
    """Each calls itself by no name, and the others by theirs."""
    scope, votes = election
    found = {
        agree(
            scope,
            [Vote(OWN if vote is own else vote.node, vote.state, vote.at) for vote in votes],
            before,
        )[1:3]
        for own in (*votes, None)
    }
    assert len(found) == 1


@given(elected, befores, st.data())
def test_silence_changes_nothing(
    election: tuple[Scope, list[Vote]], before: Agreed | None, data: st.DataObject
) -> None:
    """Whoever falls silent takes no member out, nor brings one back: at most it freezes them."""
    scope, votes = election
    kept = data.draw(st.lists(st.sampled_from(votes), unique=True)) if votes else []
    all_heard, some_heard = agree(scope, votes, before), agree(scope, kept, before)
    assert some_heard.agreed in (before, all_heard.agreed)
    assert not (some_heard.firm and some_heard.agreed != all_heard.agreed)


@given(scopes, befores, st.data())
def test_two_sides_of_a_partition_never_differ_if_they_flip(
    scope: Scope, before: Agreed | None, data: st.DataObject
) -> None:
    side = st.integers(0, scope.nodes)
    cut = data.draw(side)
    one = [Vote(f"a{n}", data.draw(states), NOW) for n in range(cut)]
    other = [Vote(f"b{n}", data.draw(states), NOW) for n in range(scope.nodes - cut)]
    assert not (agree(scope, one, before).firm and agree(scope, other, before).firm)


@given(elected, states, states)
def test_a_node_that_votes_twice_is_counted_once(
    election: tuple[Scope, list[Vote]], old: MemberState, new: MemberState
) -> None:
    scope, votes = election
    once = [*votes, Vote("twice", new, NOW - 1)]
    before = Vote("twice", old, NOW - 2)
    assert agree(scope, [*once, before]) == agree(scope, [before, *once]) == agree(scope, once)


@pytest.mark.parametrize("before", [None, *Agreed])
def test_more_nodes_than_there_should_be_cannot_agree_on_both(before: Agreed | None) -> None:
    votes = [Vote(f"u{n}", MemberState.UP, NOW) for n in range(3)]
    votes += [Vote(f"d{n}", MemberState.DOWN, NOW) for n in range(2)]
    found = agree(TWO_OF_THREE, votes, before)
    assert (found.firm, found.agreed) == (False, before)


@given(elected)
def test_it_holds_until_the_first_vote_is_old(election: tuple[Scope, list[Vote]]) -> None:
    scope, votes = election
    found = agree(scope, votes)
    if found.until is None:
        assert (found.up, found.down) == ((), ())
        return
    assert found.until > NOW
    later = agreement(scope, votes, None, INTERVAL, found.until - 0.001)
    assert (later.up, later.down) == (found.up, found.down)
    after = agreement(scope, votes, None, INTERVAL, found.until)
    assert (after.up, after.down) != (found.up, found.down)


# -- pools ------------------------------------------------------------------------------------


class Site:
    """Nodes that have the pool, each seeing what a test says, and all hearing each other."""

    def __init__(self, names: str = "xyz", scope: Scope = TWO_OF_THREE, **changes: object) -> None:
        self.now = 0.0
        self.nodes = {
            name: PoolState(pool(scope=scope, interval=INTERVAL, **changes), 300, (A, B), 0.0)
            for name in names
        }
        self.links = set(itertools.permutations(names, 2))

    def see(self, name: str, *results: bool, member: str = A) -> None:
        for ok in results:
            self.nodes[name].members[member].result(self.now, ok)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def confer(self) -> None:
        """Let those who reach each other tell each other, by way of JSON."""
        for speaker, listener in sorted(self.links):
            members = self.nodes[speaker].members.values()
            votes = tuple(quorum.said("www.example.com.", "A", members, self.now))
            sent = msgspec.json.encode(Ballot(node=speaker, votes=votes))
            found = heard(msgspec.json.decode(sent, type=Ballot), self.now)
            self.nodes[listener].hear(speaker, found.get(("www.example.com.", "A"), {}))
        for node in self.nodes.values():
            node.decide(self.now)

    def round(self, **services: str) -> None:
        """Let each node check both members, and tell; ``services`` says who sees "a" and "b"."""
        for name in self.nodes:
            seen = services.get(name, "ab")
            self.see(name, "a" in seen)
            self.see(name, "b" in seen, member=B)
        self.confer()
        self.pass_time(INTERVAL)

    def answers(self) -> set[tuple[str, ...]]:
        """Return what the nodes answer: one thing, if they are at one."""
        return {self.answer(name) for name in self.nodes}

    def answer(self, name: str) -> tuple[str, ...]:
        state = self.nodes[name]
        decision = state.decide(self.now)
        return tuple(one for one in state.members if state.answered(one, decision))

    def contradicted(self, name: str) -> tuple[str, ...]:
        return self.nodes[name].contradicted

    def ttl(self, name: str) -> int:
        return self.nodes[name].decide(self.now).ttl


def rounds(site: Site, number: int, **services: str) -> None:
    for _ in range(number):
        site.round(**services)


def test_the_odd_one_out_changes_nothing() -> None:
    site = Site()
    rounds(site, 3)
    assert site.answers() == {(A, B)}
    rounds(site, 20, x="b")
    assert site.nodes["x"].members[A].state == MemberState.DOWN
    assert site.answers() == {(A, B)}
    assert site.ttl("x") == 5
    assert site.ttl("y") == 300


def test_two_of_three_take_it_out_for_all_and_bring_it_back() -> None:
    site = Site()
    rounds(site, 25)
    rounds(site, 2, x="b", y="b")
    assert site.answers() == {(A, B)}
    assert site.ttl("z") == 5, "who has seen nothing itself has been told that others suspect it"
    site.round(x="b", y="b")
    assert site.answers() == {(B,)}
    assert site.ttl("z") == 150
    rounds(site, 2)
    assert site.answers() == {(B,)}
    site.round()
    assert site.answers() == {(A, B)}


def test_a_node_that_hears_no_peer_keeps_what_was_agreed() -> None:
    site = Site()
    rounds(site, 9)
    site.round(x="b", y="b", z="b")
    rounds(site, 9, x="b", y="b", z="b")
    site.links.clear()
    rounds(site, 9)
    assert site.answers() == {(B,)}
    rounds(site, 9, x="", y="a")
    assert site.answers() == {(B,)}
    assert {site.ttl(name) for name in "xyz"} == {5}
    assert not any(node.contradicted for node in site.nodes.values())


def test_in_a_partition_the_larger_side_goes_on() -> None:
    site = Site()
    rounds(site, 9)
    site.links = {("x", "y"), ("y", "x")}
    rounds(site, 9, x="b", y="b", z="b")
    assert [site.answer(name) for name in "xyz"] == [(B,), (B,), (A, B)]
    site.links = set(itertools.permutations("xyz", 2))
    site.round(x="b", y="b", z="b")
    assert site.answers() == {(B,)}


def test_at_first_nothing_is_agreed_on() -> None:
    """Then all are answered, if nothing else is known, even those that only this node knows."""
    site = Site()
    site.links.clear()
    rounds(site, 5, x="b")
    assert site.answers() == {(A, B)}
    assert not site.nodes["x"].is_checked
    site.links = {("y", "x")}
    site.round(x="b")
    assert site.answer("x") == (B,), "on b it agrees with y, on a it does not"
    site.links = set(itertools.permutations("xyz", 2))
    site.round(x="b")
    assert site.answers() == {(A, B)}
    assert all(node.is_checked for node in site.nodes.values())


def test_orders_are_local_and_win() -> None:
    site = Site()
    rounds(site, 3)
    site.nodes["x"].force(A, MemberOrder(Forced.DOWN))
    site.nodes["y"].force(B, MemberOrder(Forced.DOWN))
    assert [site.answer(name) for name in "xyz"] == [(B,), (A,), (A, B)]
    rounds(site, 3, x="b", y="b", z="b")
    site.nodes["x"].force(A, MemberOrder(Forced.UP))
    site.nodes["y"].force(B, None)
    assert [site.answer(name) for name in "xyz"] == [(A, B), (B,), (B,)]


def test_a_policy_becomes_a_quorum_and_nothing_changes_without_the_others() -> None:
    site = Site(scope=Scope())
    rounds(site, 9, x="b")
    assert site.answer("x") == (B,)
    shared = pool(scope=TWO_OF_THREE, interval=INTERVAL)
    for node in site.nodes.values():
        node.edit(shared, 300, (A, B), site.now)
    assert [site.answer(name) for name in "xyz"] == [(B,), (A, B), (A, B)]
    site.round(x="b")
    assert site.answers() == {(A, B)}
    site.nodes["x"].edit(pool(interval=INTERVAL), 300, (A, B), site.now)
    assert site.answer("x") == (B,)
    assert site.nodes["x"].agreements == {}


def test_what_was_agreed_survives_a_short_restart() -> None:
    site = Site()
    rounds(site, 9)
    rounds(site, 3, y="b", z="b")
    assert site.answer("x") == (B,)
    stored = site.nodes["x"].to_stored(site.now)
    expected: tuple[str, ...]
    for fresh, expected in ((True, (B,)), (False, (A, B))):
        again = PoolState(pool(scope=TWO_OF_THREE), 300, (A, B), site.now)
        kept = {(stored.name, stored.type): stored}
        again.restore(Kept(kept, 1.0, fresh=fresh, reason=""), site.now)
        site.nodes["x"] = again
        assert site.answer("x") == expected
        assert site.ttl("x") == 5


def test_a_check_that_is_dead_does_not_vote() -> None:
    site = Site()
    rounds(site, 9)
    freeze(site.nodes["x"], "nobody checks")
    for _ in range(4):
        for name in "yz":
            site.see(name, False)
        site.confer()
        site.pass_time(INTERVAL)
    assert site.answers() == {(B,)}
    found = site.nodes["x"].agreements[A]
    assert [vote.node for vote in found.down] == ["y", "z"]
    assert [vote.node for vote in found.silent] == [OWN]


def test_a_node_that_is_cut_off_knows_it() -> None:
    site = Site()
    rounds(site, 9)
    rounds(site, 2, x="")
    assert site.contradicted("x") == ()
    rounds(site, 2, x="")
    assert site.contradicted("x") == (A, B)
    assert site.answers() == {(A, B)}
    assert not site.nodes["y"].contradicted
    site.links = {("y", "x")}
    rounds(site, 3, x="")
    assert site.contradicted("x") == (), "one other node is no quorum"
    site.links.clear()
    rounds(site, 5, x="")
    assert site.contradicted("x") == (), "who hears nobody keeps announcing"
    assert site.answer("x") == (A, B)


def test_when_all_members_die_no_node_is_cut_off() -> None:
    """Not even for the moment in which one node knows it already, and the others don't."""
    site = Site()
    rounds(site, 9)
    for name in "xyz":
        for _ in range(3):
            site.see(name, False)
            site.see(name, False, member=B)
            site.confer()
            site.pass_time(0.5)
            assert not any(node.contradicted for node in site.nodes.values())
    assert site.answers() == {(A, B)}
    assert {site.ttl(name) for name in "xyz"} == {5}


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("see"), st.sampled_from("xyz"), st.booleans()),
            st.tuples(st.just("wait"), st.sampled_from([1.0, 12.0, 31.0]), st.just(True)),
            st.tuples(st.just("cut"), st.sampled_from("xyz"), st.booleans()),
        ),
        max_size=40,
    )
)
def test_whatever_happens_a_flip_has_its_votes(events: Sequence[tuple[str, object, bool]]) -> None:
    site = Site()
    links = set(site.links)
    before = dict.fromkeys(site.nodes)
    for what, which, well in events:
        match what, which:
            case "see", str(name):
                site.see(name, well)
            case "wait", float(seconds):
                site.pass_time(seconds)
            case _, str(name):
                mine = {link for link in links if name in link}
                site.links = site.links | mine if well else site.links - mine
        site.confer()
        for name, node in site.nodes.items():
            found, agreed = node.agreements[A], node.members[A].agreed
            votes = {Agreed.UP: found.up, Agreed.DOWN: found.down}
            if agreed != before[name]:
                assert agreed
                assert len(votes[agreed]) >= 2
            before[name] = agreed
            if not found.firm:
                decision = node.decide(site.now)
                assert decision.ttl <= 5 or node.agreements[B].firm


def longest_held(
    down: int, ttl: int, dies: float, checks: Sequence[float], polls: Sequence[float]
) -> float:
    """Return for how long after its death at ``dies`` a member is held by some cache.

    There are three nodes, whose first ``checks`` of it and ``polls`` of each other begin then.
    """
    policy = pool(scope=TWO_OF_THREE, interval=10.0, timeout=2.0, fast_interval=1.0, down=down)
    nodes = {name: PoolState(policy, ttl, (A, B), 0.0) for name in "xyz"}
    for node, one in itertools.product(nodes.values(), (A, B)):
        for _ in range(60):
            node.members[one].result(0.0, True)
        node.force(B, MemberOrder(Forced.UP))
    due = {name: begins + 0.1 for name, begins in zip(nodes, checks, strict=True)}
    took = dict.fromkeys(nodes, 0.1)
    asks = dict(zip(itertools.permutations("xyz", 2), polls, strict=True))
    decisions = {name: node.decide(0.0) for name, node in nodes.items()}
    held = now = 0.0
    while now < dies + 45:
        now = min(*due.values(), *asks.values())
        for name, node in nodes.items():
            if node.answered(A, decisions[name]):  # with this until now
                held = max(held, now + decisions[name].ttl)
        for name in [name for name, at in due.items() if at <= now]:
            nodes[name].members[A].result(now, took[name] < 2.0, latency=took[name])
            begins = max(now, now - took[name] + nodes[name].members[A].pause)
            took[name] = 0.1 if begins < dies else 2.0
            due[name] = begins + took[name]
            decisions[name] = nodes[name].decide(now)
        for speaker, listener in [link for link, at in asks.items() if at <= now]:
            votes = tuple(quorum.said("w", "A", nodes[speaker].members.values(), now))
            told = heard(Ballot(node=speaker, votes=votes), now)["w", "A"]
            if nodes[listener].hear(speaker, told):
                decisions[listener] = nodes[listener].decide(now)
            asks[speaker, listener] = now + POLL_S
    assert not any(nodes[name].answered(A, decisions[name]) for name in nodes)
    return held - dies


def objective(down: int, ttl: int) -> float:
    """Return the worst case with caches that count exactly."""
    return worst(Timing(10.0, 2.0, 1.0, down, FLIP_S + POLL_S), ttl, 5) - WHOLE_S


@settings(max_examples=30)
@given(
    st.integers(1, 3),
    st.sampled_from([5, 30, 60]),
    st.floats(20.0, 40.0),
    st.lists(st.floats(0.0, 10.0), min_size=3, max_size=3),
    st.lists(st.floats(0.0, POLL_S), min_size=6, max_size=6),
)
def test_no_cache_holds_it_longer_than_the_objective_says(
    down: int, ttl: int, dies: float, checks: list[float], polls: list[float]
) -> None:
    assert longest_held(down, ttl, dies, checks, polls) <= objective(down, ttl)


def test_it_may_well_be_as_long_as_the_objective_says() -> None:
    """All checks begin just before the death, and all polls just before the others know of it."""
    for down, known in ((1, 42.0), (3, 46.0)):
        polls = [(known - 0.1) % POLL_S] * 6
        found = longest_held(down, 5, 30.05, [0.0] * 3, polls)
        assert found <= objective(down, 5)
        late = longest_held(down, 5, 30.05, [0.0, 0.0, 5.0], polls)
        assert objective(down, 5) - 1.0 < late <= objective(down, 5)


@given(elected, befores, st.lists(st.booleans(), max_size=12))
def test_a_ttl_stays_within_its_bounds_and_is_short_without_an_agreement(
    election: tuple[Scope, list[Vote]], before: Agreed | None, results: list[bool]
) -> None:
    scope, votes = election
    policy = pool(scope=scope)
    by, member = ttl.terms(policy, 300), Member(A, policy, 0.0)
    for ok in results:
        member.result(NOW, ok)
    found = agree(scope, votes, before)
    seconds = ttl.agreed_ttl(by, member, found)
    assert by.shortest <= seconds <= by.longest
    if not found.firm or found.suspected:
        assert seconds == by.shortest or found.agreed == Agreed.DOWN
    elif found.agreed == Agreed.UP:
        assert seconds <= ttl.member_ttl(by, member)


# -- what travels -----------------------------------------------------------------------------


def test_only_ages_travel_and_they_are_taken_for_the_older() -> None:
    said = SpokenVote(name="w.", type="A", address=A, state=MemberState.UP, age=3.5)
    (vote,) = heard(Ballot(node="x", votes=(said,)), asked=100.0)["w.", "A"].values()
    assert vote == Vote("x", MemberState.UP, 96.5)


@pytest.mark.parametrize(
    "text",
    [
        '{"node": ""}',
        '{"node": 1}',
        '{"votes": []}',
        '{"node": "x", "votes": [{"name": "w", "type": "A", "address": "a", "state": "up"}]}',
        '{"node": "x", "votes": [{"name": "w", "type": "A", "address": "a", "state": "up", '
        '"age": -1}]}',
        '{"node": "x", "votes": [{"name": "w", "type": "A", "address": "a", "state": "odd", '
        '"age": 1}]}',
    ],
)
def test_what_are_no_votes(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Ballot)


def test_later_versions_may_say_more() -> None:
    found = msgspec.json.decode('{"node": "x", "more": 1}', type=Ballot)
    assert found == Ballot(node="x")


def test_who_says_what_in_words() -> None:
    found = agree(
        TWO_OF_THREE, [Vote(OWN, MemberState.UP, NOW), Vote("y", MemberState.SUSPECT, NOW - 2)]
    )
    assert found.sentence() == "agreed to be up: 2 of 3 nodes say so"
    assert found.suspected
    assert [quorum.told(vote, NOW) for vote in found.up] == [
        "this node says up, 0s ago",
        "y says suspect, 2s ago",
    ]
    split = agree(
        TWO_OF_THREE, [Vote("x", MemberState.UP, NOW), Vote("y", MemberState.HELD, NOW)], Agreed.UP
    )
    assert split.sentence() == (
        "not agreed on: 1 of 3 nodes say up, 1 down, and it takes 2; it stays up"
    )
    assert agree(TWO_OF_THREE, []).sentence() == (
        "not agreed on: 0 of 3 nodes say up, 0 down, and it takes 2; nothing was agreed before"
    )
