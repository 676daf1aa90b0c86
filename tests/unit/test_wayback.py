"""Answers that find no way back to clients: stories, and what holds whatever is sent."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.wayback import BAD, ENOUGH, IN_A_ROW, LAPSE_S, WELL, WINDOW_S, Sent, WayBack

LOOK_S = 0.25
LOOKS = round(WINDOW_S / LOOK_S)


class Node:
    """A node that is looked at; each window has the same share of answers lost."""

    def __init__(self) -> None:
        self.way = WayBack()
        self.now = 100.0
        self.reason = self.way.look(self.now, Sent())

    def look(self, sent: Sent = Sent()) -> str:  # noqa: B008 -- it is frozen
        self.now += LOOK_S
        self.reason = self.way.look(self.now, sent)
        return self.reason

    def window(self, sent: Sent) -> str:
        """A window with so much in its first look."""
        for part in (sent, *[Sent()] * (LOOKS - 1)):
            self.look(part)
        return self.reason


def lost(number: int, of: int = 100, own: int = 20) -> Sent:
    return Sent(of + own, own, no_route=number)


def cut_off() -> Node:
    node = Node()
    for _ in range(IN_A_ROW):
        node.window(lost(100))
    assert node.reason
    return node


def test_answers_that_have_no_route_are_a_reason_after_some_windows_in_a_row() -> None:
    node = Node()
    assert [bool(node.window(lost(100))) for _ in range(IN_A_ROW)] == [False] * (IN_A_ROW - 1) + [
        True
    ]
    assert node.reason == (
        "100 of 100 answers to clients could not leave: there is no route for 100 (ip route)"
    )


def test_a_firewall_is_told_as_such() -> None:
    node = Node()
    for _ in range(IN_A_ROW):
        node.window(Sent(70, 20, no_route=5, forbidden=25))
    assert node.reason == (
        "30 of 50 answers to clients could not leave: there is no route for 5 (ip route) and "
        "a firewall or a route of this machine forbids 25 (nft list ruleset, ip route)"
    )


def test_what_the_node_answers_itself_is_no_sign_that_answers_leave() -> None:
    node = Node()
    for _ in range(IN_A_ROW):
        node.window(Sent(1010, 1000, no_route=10))
    assert node.reason


@pytest.mark.parametrize("share", [0.0, BAD - 0.01])
def test_a_small_share_is_no_reason(share: float) -> None:
    node = Node()
    for _ in range(10):
        assert node.window(lost(round(100 * share))) == ""


def test_one_family_without_a_route_is_a_reason() -> None:
    node = Node()
    for _ in range(IN_A_ROW):
        node.window(lost(round(100 * BAD)))
    assert node.reason


def test_bad_windows_must_come_in_a_row() -> None:
    node = Node()
    for _ in range(10):
        for _ in range(IN_A_ROW - 1):
            assert node.window(lost(100)) == ""
        assert node.window(lost(0)) == ""


def test_it_ends_when_answers_leave_again_and_not_half_way() -> None:
    node = cut_off()
    for _ in range(10):
        assert node.window(lost(round(100 * (BAD + WELL) / 2)))
    said = [bool(node.window(lost(0))) for _ in range(IN_A_ROW)]
    assert said == [True] * (IN_A_ROW - 1) + [False]


def test_few_answers_are_collected_until_they_are_enough() -> None:
    node = Node()
    for _ in range(ENOUGH * IN_A_ROW - 1):
        assert node.window(lost(1, of=1, own=0)) == ""
    assert node.window(lost(1, of=1, own=0))


def test_without_any_answer_it_lapses() -> None:
    """Clients that have been moved away give no evidence: the node must not stay drained for it."""
    node = cut_off()
    said = [bool(node.look()) for _ in range(round(2 * LAPSE_S / LOOK_S))]
    assert LAPSE_S - LOOK_S <= sum(said) * LOOK_S <= LAPSE_S + LOOK_S
    assert not any(said[sum(said) :])


some = st.integers(0, 300)
sendings = st.builds(
    lambda well, own, no_route, forbidden: Sent(
        well + own + no_route + forbidden, own, no_route, forbidden
    ),
    some,
    some,
    some,
    some,
)


@given(st.lists(sendings, max_size=60))
def test_the_mind_changes_seldom(sent: list[Sent]) -> None:
    """Each change takes as many windows; it never comes or goes faster, whatever is sent."""
    node = Node()
    changes = [node.now]
    before = ""
    for one in sent:
        if bool(node.look(one)) != bool(before):
            changes.append(node.now)
        before = node.reason
    gaps = [later - one for one, later in itertools.pairwise(changes)]
    assert all(gap >= IN_A_ROW * WINDOW_S for gap in gaps)


@given(st.lists(sendings, max_size=60))
def test_nothing_lost_is_never_a_reason(sent: list[Sent]) -> None:
    node = Node()
    for one in sent:
        assert node.look(one._replace(no_route=0, forbidden=0)) == ""


@given(st.lists(sendings, max_size=60))
def test_whatever_was_sent_it_is_forgotten_in_the_end(sent: list[Sent]) -> None:
    node = Node()
    for one in sent:
        node.look(one)
    for _ in range(round(LAPSE_S / LOOK_S) + LOOKS * IN_A_ROW):
        node.look()
    assert node.reason == ""
