"""The horizon: never SAFE while a cache holds it, and every reason why it is not."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dnsd.caches.acquainted import KnownNodes, KnownSecondary
from dnsd.caches.inquiry import Inquiry, Secondary
from dnsd.caches.judge import FRESH_S, MARGIN_S, Safety, Verdict, judge
from dnsd.caches.ledger import Ledger
from dnsd.caches.report import WEEK_S, NodeReport, Use
from dnsd.caches.site import Answered, Sighting, Silent, Site
from dnsd.caches.version import (
    Version,
    about_name,
    about_target,
    canonical_name,
    everything,
    gap,
    rrset,
)
from dnsd.wire import name as names
from tests.ledgers import restored

OLD, NEW = "192.0.2.10", "192.0.2.11"
TARGET = about_target(OLD)
NAME = about_name("www.example.com", "A")


def www(*addresses: str) -> Version:
    packed = [ipaddress.ip_address(address).packed for address in addresses]
    return rrset("www.example.com.", "A", packed)


WWW_OLD, WWW_NEW = www(OLD), www(NEW)


class Node:
    """A ledger by a clock of its own, which is ``offset`` ahead of the asker's."""

    def __init__(self, name: str, offset: float = 0.0) -> None:
        self.offset = offset
        self.ledger = Ledger(name, offset - 2 * WEEK_S)

    def give(self, at: float, version: Version = WWW_OLD, ttl: int = 60) -> None:
        self.ledger.offer(version, 300, Use.SERVED, at + self.offset)
        self.ledger.note(version, at + self.offset, ttl)

    def use(self, at: float, version: Version, use: Use, ttl: int = 300) -> None:
        self.ledger.offer(version, ttl, use, at + self.offset)

    def heard(self, at: float, **more: object) -> Answered:
        """Ask at ``at``; what crosses the wire is JSON."""
        report = self.ledger.report(at + self.offset)
        told = {"knows": KnownNodes(()), "instance": self.ledger.node, "ceiling": 300, **more}
        data = msgspec.json.encode(msgspec.structs.replace(report, **told))
        return Answered(msgspec.json.decode(data, type=NodeReport), asked=at, received=at)


def drained(name: str = "a", offset: float = 0.0) -> Node:
    """Return a node that gave it out at 0 with TTL 60, and stopped at 10."""
    node = Node(name, offset)
    node.give(0.0)
    node.use(10.0, WWW_OLD, Use.IDLE)
    return node


def site_of(*heard: Answered, nodes: Sequence[str] = ("a",)) -> Site:
    """Return the site in which these were heard, each at an address that is its name."""
    latest = {one.node: one for one in heard}
    told = {name: Silent("it is silent") for name in nodes} | latest
    sightings = tuple(Sighting(name, one) for name, one in told.items())
    return Site(sightings, tuple(one for one in heard if one is not latest[one.node]))


def ask(
    *heard: Answered, now: float, nodes: Sequence[str] = ("a",), since: float = 10.0, **more: object
) -> Verdict:
    known: dict[str, object] = {"question": TARGET, **more}
    site = site_of(*heard, nodes=nodes)
    return judge(Inquiry(site=site, since=since, **known), now)  # type: ignore[arg-type]


def test_it_is_safe_when_the_last_cache_has_forgotten() -> None:
    node = drained(offset=3600.0)
    found = ask(node.heard(20.0), now=20.0)
    assert found.safety == Safety.WAIT
    assert found.until == 60.0 + MARGIN_S
    assert found.floored == 10.0 + 60.0 + MARGIN_S
    assert found.reasons == (f"caches may hold it for {40 + MARGIN_S:.0f}s more",)
    assert [(one.node, one.version) for one in found.held] == [("a", WWW_OLD)]
    end = 60.0 + MARGIN_S
    assert ask(node.heard(end - 0.1), now=end - 0.1).safety == Safety.WAIT
    found = ask(node.heard(end), now=end)
    assert (found.safety, found.until, found.reasons) == (Safety.SAFE, end, ())
    assert ask(node.heard(500.0), now=500.0).until == end


def test_the_latest_of_several_nodes_counts() -> None:
    late = drained("b", offset=-3600.0)
    late.ledger.note(WWW_OLD, 8.0 - 3600.0, 300)
    found = ask(drained().heard(20.0), late.heard(20.0), now=20.0, nodes=("a", "b"))
    assert found.until == 308.0 + MARGIN_S
    assert [one.node for one in found.held] == ["b", "a"]


@pytest.mark.parametrize(
    ("asked", "now", "why"),
    [
        (
            None,
            500.0,
            'node a has not reported: it is silent; if it is dead, say since when ("--fenced-at '
            'a=TIME", or for good "dnsd declare dead a")',
        ),
        (9.0, 15.0, "node a has not reported since the switch"),
        (500.0, 501.0 + FRESH_S, "node a has been silent for 9s"),
    ],
)
def test_silence_is_never_safe(asked: float | None, now: float, why: str) -> None:
    heard = [] if asked is None else [drained().heard(asked)]
    found = ask(*heard, now=now)
    assert (found.safety, found.until, found.reasons[0]) == (Safety.UNKNOWN, None, why)


def test_what_is_given_out_has_no_end() -> None:
    node = drained()
    node.use(20.0, WWW_OLD, Use.SERVED)
    found = ask(node.heard(500.0), now=500.0)
    assert (found.safety, found.until) == (Safety.WAIT, None)
    assert found.reasons[0] == f"node a answers with it now: {WWW_OLD}"
    node.use(501.0, WWW_OLD, Use.POSSIBLE)
    found = ask(node.heard(900.0), now=900.0)
    assert (found.safety, found.until) == (Safety.WAIT, None)
    assert "may answer with it again by itself" in found.reasons[0]
    node.use(901.0, WWW_OLD, Use.IDLE)
    assert ask(node.heard(1300.0), now=1300.0).safety == Safety.SAFE


@pytest.mark.parametrize(
    ("serial", "safety"),
    [(None, Safety.UNKNOWN), (6, Safety.WAIT), (7, Safety.SAFE), (2**31 + 8, Safety.WAIT)],
)
def test_every_secondary_must_have_the_change(serial: int | None, safety: Safety) -> None:
    second = Secondary("ns2", "example.com.", 7, serial, since=20.0)
    heard = drained().heard(400.0)
    assert ask(heard, now=400.0, secondaries=(second,)).safety == safety


def test_what_a_secondary_gave_out_before_it_had_the_change_is_waited_for() -> None:
    second = Secondary("ns2", "example.com.", 7, 7, since=50.0)
    found = ask(drained().heard(100.0), now=100.0, secondaries=(second,))
    assert (found.safety, found.until) == (Safety.WAIT, 350.0 + MARGIN_S)


SERVER, ZONE = "192.0.2.54:53", "example.com."
TOLD = (KnownSecondary(SERVER, ZONE),)


def test_a_secondary_that_a_node_notifies_must_have_been_asked() -> None:
    heard = drained().heard(400.0, secondaries=TOLD)
    found = ask(heard, now=400.0)
    assert (found.safety, found.reasons[0]) == (
        Safety.UNKNOWN,
        "secondary 192.0.2.54:53 of example.com. has not been asked, but node a notifies it",
    )
    other = Secondary(SERVER, "example.org.", 7, 7)
    assert ask(heard, now=400.0, secondaries=(other,)).safety == Safety.UNKNOWN
    asked = Secondary(SERVER, ZONE, 7, 7, since=20.0)
    assert ask(heard, now=400.0, secondaries=(asked,)).safety == Safety.SAFE


def test_a_secondary_that_one_node_does_not_tell_of_any_more_is_known_still() -> None:
    before = drained().heard(399.0, secondaries=TOLD)
    assert ask(before, drained().heard(400.0), now=400.0).safety == Safety.UNKNOWN


def test_a_secondary_that_is_silent_may_be_said_to_have_ended() -> None:
    heard = drained().heard(400.0, secondaries=TOLD)
    silent = Secondary(SERVER, ZONE, 7, None)
    found = ask(heard, now=400.0, secondaries=(silent,))
    assert found.reasons[0] == (
        "secondary 192.0.2.54:53 of example.com. has not reported its serial; if it answers from "
        'it no more, say since when: "--fenced-at 192.0.2.54:53=TIME"'
    )
    fenced: dict[str, Any] = {"secondaries": (silent,), "fenced": ((SERVER, 20.0),)}
    assert ask(heard, now=400.0, **fenced).safety == Safety.SAFE
    fenced["fenced"] = ((SERVER, 200.0),)
    assert ask(heard, now=400.0, **fenced).until == 500.0 + MARGIN_S


def test_a_secondary_that_is_a_node_has_its_account() -> None:
    heard = drained().heard(400.0, secondaries=TOLD)
    second = Secondary(SERVER, ZONE, 7, None, node="a")
    assert ask(heard, now=400.0, secondaries=(second,)).safety == Safety.SAFE
    stranger = msgspec.structs.replace(second, node="b")
    assert ask(heard, now=400.0, secondaries=(stranger,)).safety == Safety.UNKNOWN


def test_what_a_secondary_answers_has_no_end() -> None:
    heard = drained().heard(400.0)
    second = Secondary(SERVER, ZONE, 7, 7, since=20.0, given=(www(OLD, NEW),))
    found = ask(heard, now=400.0, secondaries=(second,))
    assert (found.safety, found.until) == (Safety.WAIT, None)
    assert found.reasons[0].startswith(f"secondary {SERVER} of {ZONE} answers with www.example.com")
    second = msgspec.structs.replace(second, given=(WWW_NEW,))
    assert ask(heard, now=400.0, secondaries=(second,)).safety == Safety.SAFE


def test_a_name_has_the_present_answer_at_a_secondary_too() -> None:
    node = Node("a")
    node.use(10.0, WWW_NEW, Use.SERVED)
    for answer, safety in ((WWW_NEW, Safety.SAFE), (WWW_OLD, Safety.WAIT)):
        second = Secondary(SERVER, ZONE, 7, 7, since=999.0, given=(answer,))
        found = ask(node.heard(1000.0), now=1000.0, question=NAME, secondaries=(second,))
        assert found.safety == safety


def test_what_a_secondary_gave_out_before_is_held_as_long_as_what_has_gone() -> None:
    """Of a node whose account goes back, and says with which TTLs."""
    node = Node("a")
    node.use(5.0, WWW_OLD, Use.SERVED, ttl=40)
    node.use(10.0, WWW_OLD, Use.IDLE, ttl=40)
    node.use(10.0, WWW_NEW, Use.SERVED, ttl=200)
    second = Secondary(SERVER, ZONE, 7, 7, since=400.0)
    for question in (TARGET, NAME):
        more: dict[str, Any] = {"question": question, "secondaries": (second,)}
        found = ask(node.heard(410.0), now=410.0, **more)
        assert (found.safety, found.until) == (Safety.WAIT, 440.0 + MARGIN_S), found
        assert found.reasons[1] == (
            f"secondary {SERVER} has been seen with this version of {ZONE} for 10s"
        )
        assert ask(node.heard(500.0), now=500.0, **more).safety == Safety.SAFE
    node.ledger.distrust(405.0)
    second = msgspec.structs.replace(second, since=409.0)
    found = ask(node.heard(410.0), now=410.0, secondaries=(second,))
    assert found.until == 409.0 + 300.0 + MARGIN_S
    elsewhere = msgspec.structs.replace(second, zone="example.org.")
    assert ask(Node("a").heard(410.0), now=410.0, secondaries=(elsewhere,)).until == 709 + MARGIN_S


def test_fencing_closes_the_account_of_a_dead_node() -> None:
    alive, dead = drained("a").heard(100.0), drained("b")
    both = {"nodes": ("a", "b"), "now": 100.0}
    assert ask(alive, **both).safety == Safety.UNKNOWN  # type: ignore[arg-type]
    found = ask(alive, fenced=(("b", 40.0),), **both)  # type: ignore[arg-type]
    assert (found.safety, found.until) == (Safety.WAIT, 340.0 + MARGIN_S)
    end = 340.0 + MARGIN_S
    later = drained("a").heard(end)
    found = ask(later, dead.heard(30.0), now=end, fenced=(("b", 40.0),), nodes=("a", "b"))
    assert found.safety == Safety.SAFE


def test_fencing_is_not_believed_against_better_knowledge() -> None:
    heard = drained().heard(900.0)
    found = ask(heard, now=900.0, fenced=(("a", 40.0),))
    assert found.reasons == (
        "node a was declared dead, but has reported since; correct that: "
        '"dnsd declare alive a" where it was declared, or no --fenced-at',
    )
    found = ask(heard, now=900.0, fenced=(("a", 901.0),))
    assert found.safety == Safety.UNKNOWN
    found = ask(now=900.0, fenced=(("a", 40.0),))
    assert (found.safety, found.until) == (Safety.WAIT, 40.0 + WEEK_S + MARGIN_S)
    assert "a may have answered with anything until then; the largest TTL" in found.reasons[1]
    found = ask(now=900.0, fenced=(("a", 40.0),), ttl=300)
    assert (found.safety, found.until) == (Safety.SAFE, 340.0 + MARGIN_S)


def test_what_no_ledger_has_is_safe_only_if_accounts_go_back_far_enough() -> None:
    node = Node("a")
    found = ask(node.heard(20.0), now=20.0)
    assert (found.safety, found.until) == (Safety.SAFE, None)
    assert found.reasons == ("no node has answered with 192.0.2.10 in the last 14d20s",)
    node.ledger = Ledger("a", 0.0)
    found = ask(node.heard(20.0), now=20.0)
    assert found.safety == Safety.UNKNOWN
    assert "check the spelling, or" in found.reasons[0]
    end = 300.0 + MARGIN_S
    assert ask(node.heard(end), now=end).safety == Safety.SAFE


@pytest.mark.parametrize(
    ("ceiling", "stated", "until", "why"),
    [
        (None, None, WEEK_S, "until then dnsd assumes a week"),
        (None, 600, 600.0, "no TTL was above 10m, says --ttl"),
        (900, 600, 900.0, "its longest_ttl is 15m"),
    ],
)
def test_how_far_back_an_account_goes_is_looked_at_for_each_node(
    ceiling: int | None, stated: int | None, until: float, why: str
) -> None:
    """The other node knows the address well; this one was redeployed without its account."""
    new = Node("b")
    new.ledger = Ledger("b", 90.0)
    heard = (drained().heard(100.0), new.heard(100.0, ceiling=ceiling))
    found = ask(*heard, now=100.0, nodes=("a", "b"), ttl=stated)
    assert (found.safety, found.until) == (Safety.WAIT, 90.0 + until + MARGIN_S)
    assert (
        "node b began its account 10s ago, and caches may hold what was given" in found.reasons[1]
    )
    assert why in found.reasons[1]


def test_what_asks_late_and_answers_late_counts_from_the_question() -> None:
    """An answer that was asked for before the switch says nothing of the time after it."""
    late = msgspec.structs.replace(drained().heard(9.0), received=12.0)
    found = ask(late, now=12.0)
    assert found.reasons[0] == "node a has not reported since the switch"


def test_an_answer_is_as_old_as_its_question() -> None:
    """What a node gives out now is as it was when it was asked, however late that came in."""
    slow = msgspec.structs.replace(drained().heard(500.0), received=504.0)
    assert ask(slow, now=500.0 + FRESH_S).safety == Safety.SAFE
    found = ask(slow, now=501.0 + FRESH_S)
    assert found.reasons[0] == f"node a has been silent for {1 + FRESH_S:.0f}s"


def test_what_is_left_is_counted_from_when_the_answer_came_in() -> None:
    """The report may have been made at any time up to then."""
    new = Node("b")
    new.ledger = Ledger("b", 18.0)
    heard = [
        msgspec.structs.replace(node.heard(20.0, ceiling=45), received=23.0)
        for node in (drained(), new)
    ]
    found = ask(*heard, now=23.0, nodes=("a", "b"))
    ends = {one.node: (one.until, one.floored) for one in found.held}
    assert ends["a"] == (63.0, 13.0 + 60.0)
    assert ends["b"] == (21.0 + 45.0, 21.0 + 60.0)


def test_a_later_report_shortens_no_bound() -> None:
    """A node that was started again without its account knows less than it has said."""
    before = drained().heard(20.0, instance="before")
    again = Node("a")
    again.give(25.0, ttl=5)
    again.use(26.0, WWW_OLD, Use.IDLE)
    now = again.heard(31.0, up=8.0)
    found = ask(before, now, now=31.0)
    assert (found.safety, found.until) == (Safety.WAIT, 60.0 + MARGIN_S)
    nothing = Node("a").heard(31.0, up=8.0)
    assert ask(before, nothing, now=31.0).until == 60.0 + MARGIN_S


def test_a_line_that_says_less_than_it_should_is_waited_for() -> None:
    """A bound without a last time is a bound."""
    heard = drained().heard(20.0)
    lines = tuple(msgspec.structs.replace(one, ago=None) for one in heard.report.lines)
    report = msgspec.structs.replace(heard.report, lines=lines)
    found = ask(msgspec.structs.replace(heard, report=report), now=20.0)
    assert (found.safety, found.until) == (Safety.WAIT, 60.0 + MARGIN_S)


def test_a_name_waits_for_other_answers_than_the_present_one() -> None:
    nodes = [Node("a", 50.0), Node("b", -50.0)]
    for node in nodes:
        node.give(0.0)
        node.use(10.0, WWW_OLD, Use.IDLE)
        node.give(10.0, WWW_NEW, ttl=300)
    both: dict[str, Any] = {"question": NAME, "nodes": ("a", "b")}
    found = ask(*(node.heard(20.0) for node in nodes), now=20.0, **both)
    assert (found.safety, found.until) == (Safety.WAIT, 60.0 + MARGIN_S)
    assert {one.version for one in found.held} == {WWW_OLD}
    end = 60.0 + MARGIN_S
    assert ask(*(node.heard(end) for node in nodes), now=end, **both).safety == Safety.SAFE
    nodes[1].use(70.0, WWW_NEW, Use.IDLE)
    nodes[1].give(70.0)
    found = ask(*(node.heard(900.0) for node in nodes), now=900.0, **both)
    assert (found.safety, found.until) == (Safety.WAIT, None)
    assert found.reasons[0].startswith("the nodes give different answers: a www.example.com. A → ")


def test_a_new_name_is_visible_when_its_absence_is_forgotten() -> None:
    node = Node("a")
    node.ledger.note(gap("example.com.", "example.com."), 10.0, 300)
    found = ask(node.heard(20.0), now=20.0, question=NAME)
    assert (found.safety, found.until) == (Safety.WAIT, 310.0 + MARGIN_S)


def test_whatever_a_zone_contained_may_lead_anywhere() -> None:
    node = drained()
    node.ledger.serve(everything("example.com."), 3600)
    assert ask(node.heard(100.0), now=100.0).safety == Safety.SAFE
    node.ledger = restored(node.ledger.dump(100.0), 200.0)
    found = ask(node.heard(300.0), now=300.0)
    assert (found.safety, found.until) == (Safety.WAIT, 3800.0 + MARGIN_S)


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=4))
def test_neither_order_nor_repetition_of_reports_matters(
    order: list[int], again: list[int]
) -> None:
    first, second = drained("a", 7.0), drained("b", -7.0)
    second.give(5.0, ttl=200)
    heard = [first.heard(12.0), second.heard(13.0)]
    second.use(15.0, WWW_OLD, Use.IDLE)
    heard += [first.heard(20.0), second.heard(20.0)]
    shuffled = [heard[number] for number in (*order, *again)]
    expected = ask(*heard, now=21.0, nodes=("a", "b"))
    assert expected.until is not None
    assert ask(*shuffled, now=21.0, nodes=("a", "b")) == expected


# -- a world of caches ------------------------------------------------------------------------

TTL_MAX = 40
FLOOR = 60.0


class Kept(NamedTuple):
    """What one cache holds of the target: until when by the protocol, and with a floor."""

    until: float
    floored: float


class World:
    """Nodes that flip, crash and stop; caches that ask whichever node they reach.

    Answers are written to a cell, as the hot path does it; now and then the ledger reads it.
    """

    def __init__(self, seed: int) -> None:
        self.lost: set[str] = set()
        self.chance = random.Random(seed)
        self.now = 0.0
        names = "abc"[: self.chance.randint(1, 3)]
        self.nodes = {name: Node(name, self._offset()) for name in names}
        self.disk: dict[str, bytes] = {}
        self.down_until: dict[str, float] = {}
        self.kept: list[Kept] = []
        self.served = dict.fromkeys(names, Use.IDLE)
        self.written = dict.fromkeys(names, -1)
        self.cells = dict.fromkeys(names, float("-inf"))
        for name in names:
            self._flip(name)

    def run(self, events: int) -> list[Safety]:
        said = []
        for _ in range(events):
            self._pass(self.chance.expovariate(1.0))
            roll = self.chance.random()
            name = self.chance.choice(sorted(self.nodes))
            if roll < 0.62:
                self._query(name)
            elif roll < 0.70:
                self._flip(name)
            elif roll < 0.72:
                self._end(name)
            elif roll < 0.76:  # a quiet time, in which caches forget
                for one in self.nodes:
                    self._set(one, Use.IDLE)
                self._pass(self.chance.uniform(0, 2 * FLOOR))
            else:
                said.append(self._judge())
        return said

    def _offset(self) -> float:
        return self.chance.uniform(-3600, 3600)

    def _pass(self, seconds: float) -> None:
        self.now += seconds
        for name, at in list(self.down_until.items()):
            if at <= self.now:
                del self.down_until[name]
                node = self.nodes[name]
                node.offset = self._offset()
                if name in self.lost:
                    node.ledger = Ledger(name, at + node.offset)
                else:
                    node.ledger = restored(self.disk[name], at + node.offset)
                self.lost.discard(name)
                self.written[name] = -1
                self._set(name, Use.IDLE)
        for name in self.nodes:
            if name not in self.down_until and self.chance.random() < 0.3:
                self._save(name)

    def _collect(self, name: str) -> Node:
        node = self.nodes[name]
        node.ledger.hold(WWW_OLD, self.cells[name], self.now + node.offset, TTL_MAX)
        return node

    def _save(self, name: str) -> None:
        node = self._collect(name)
        self.disk[name] = node.ledger.dump(self.now + node.offset)
        self.written[name] = node.ledger.revision

    def _set(self, name: str, use: Use) -> None:
        if name in self.down_until:
            return
        node = self._collect(name)
        node.use(self.now, WWW_OLD, use, TTL_MAX)
        self.served[name] = use
        if self.written[name] < node.ledger.revision:
            self._save(name)

    def _flip(self, name: str) -> None:
        self._set(name, self.chance.choice(list(Use)))

    def _end(self, name: str) -> None:
        """Stop a node: one time in three properly, otherwise by a crash, or with its disk."""
        if name in self.down_until:
            return
        if self.chance.random() < 0.2:
            self.lost.add(name)
        if self.chance.random() < 0.33:
            self._collect(name)
            self._save(name)
        self.served[name] = Use.IDLE
        self.cells[name] = float("-inf")
        self.down_until[name] = self.now + self.chance.uniform(0, 100)

    def _query(self, name: str) -> None:
        if self.served[name] != Use.SERVED:
            return
        ttl, node = self.chance.randint(0, TTL_MAX), self.nodes[name]
        self.cells[name] = max(self.cells[name], self.now + node.offset + ttl)
        arrives = self.now + self.chance.uniform(0, 4)
        floor = self.chance.uniform(0, FLOOR)
        self.kept.append(Kept(arrives + ttl, arrives + max(ttl, floor)))

    def _judge(self) -> Safety:
        heard = []
        asked = self.now
        for name in sorted(self.nodes):
            if name not in self.down_until and self.chance.random() < 0.97:
                one = self._collect(name).heard(self.now, ceiling=TTL_MAX)
                heard.append(msgspec.structs.replace(one, received=self.now + 0.2))
        fenced = tuple((name, self.now) for name in self.down_until if self.chance.random() < 0.5)
        self.now += self.chance.uniform(0.2, 2)
        for name, use in self.served.items():
            if use == Use.POSSIBLE and self.chance.random() < 0.2:
                self._set(name, Use.SERVED)
            if self.chance.random() < 0.5:
                self._query(name)
        inquiry = Inquiry(
            question=TARGET,
            site=site_of(*heard, nodes=sorted(self.nodes)),
            since=asked,
            fenced=fenced,
            floor=FLOOR,
        )
        found = judge(inquiry, self.now)
        if found.safety == Safety.SAFE:
            assert not [one for one in self.kept if one.until > self.now]
            if found.floored is None or found.floored <= self.now:
                assert not [one for one in self.kept if one.floored > self.now]
        if found.until is not None:
            assert found.floored is not None
            assert all(one.until <= found.until for one in self.kept)
            assert all(one.floored <= found.floored for one in self.kept)
        return found.safety


@given(st.integers(0, 2**32))
def test_it_is_never_safe_while_any_cache_holds_it(seed: int) -> None:
    World(seed).run(200)


def test_the_world_has_seen_every_verdict() -> None:
    said = [one for seed in range(60) for one in World(seed).run(200)]
    assert min(said.count(safety) for safety in Safety) > 20


@given(
    st.text(st.sampled_from('aB-_*9.\\" '), max_size=12) | st.sampled_from(("x" * 64, "y." * 130))
)
@example("x." * 127)
@example("x." * 128)
@example("x" * 63 + ".")
def test_a_name_that_is_canonical_is_left_as_it_is(text: str) -> None:
    try:
        expected = names.to_text(names.lower(names.from_text(text)))
    except ValueError:
        with pytest.raises(ValueError, match="is not a domain name"):
            canonical_name(text)
    else:
        assert canonical_name(text) == expected
