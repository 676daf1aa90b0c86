"""The choice among members: tiers, min_up, weights, and what is answered when all are down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.failover.choice import Choice, Eligibility, Grade
from dnsd.image.selection import Mode
from tests.failover import ADDRESSES, pool

A, B, C, D = ADDRESSES[:4]
KINDS = {"+": Eligibility.IN, "?": Eligibility.OPEN, "-": Eligibility.OUT, "x": Eligibility.REMOVED}


def chosen(eligible: str, last_good: int = 0, **changes: object) -> tuple[int, Mode, Grade]:
    """Return what is answered by a pool whose members stand so ("+?-x")."""
    choice = Choice(pool(**changes), ADDRESSES[: len(eligible)])
    answer = choice.answer([KINDS[one] for one in eligible], last_good)
    assert bool(answer.why) or answer.grade == Grade.GOOD
    return answer[:3]


@pytest.mark.parametrize(
    ("eligible", "mask", "grade"),
    [
        ("+++", 0b111, Grade.GOOD),
        ("+-+", 0b101, Grade.GOOD),
        ("+??", 0b001, Grade.GOOD),
        ("+x-", 0b001, Grade.GOOD),
        ("-??", 0b110, Grade.OPEN),
        ("x??", 0b110, Grade.OPEN),
        ("---", 0b111, Grade.DOWN),
        ("--x", 0b011, Grade.DOWN),
        ("xxx", 0b111, Grade.DOWN),
    ],
)
def test_who_is_up_is_answered(eligible: str, mask: int, grade: Grade) -> None:
    assert chosen(eligible) == (mask, Mode.ANSWER, grade)


@pytest.mark.parametrize(
    ("eligible", "min_up", "grade"),
    [
        ("++--", 2, Grade.GOOD),
        ("+---", 2, Grade.DOWN),
        ("+-??", 2, Grade.OPEN),
        ("++--", 0.5, Grade.GOOD),
        ("+---", 0.5, Grade.DOWN),
        ("++-", 0.5, Grade.GOOD),
        ("+--", 0.5, Grade.DOWN),
        ("+--", 0.3, Grade.GOOD),
        ("+--", 0.34, Grade.DOWN),
        ("+++++++---", 0.7, Grade.GOOD),
        ("++++++----", 0.7, Grade.DOWN),
        ("+++++++" + 18 * "-", 0.28, Grade.GOOD),  # 0.28 * 25 is a little more than 7
        ("+-", 0.01, Grade.GOOD),
        ("--", 1e-10, Grade.DOWN),  # one at the least
        ("++", 5, Grade.GOOD),
        ("+-", 5, Grade.DOWN),
    ],
)
def test_how_many_must_be_up(eligible: str, min_up: float, grade: Grade) -> None:
    choice = Choice(pool(min_up=min_up), [f"192.0.2.{at}" for at in range(len(eligible))])
    assert choice.answer([KINDS[one] for one in eligible], 0).grade == grade


def test_tiers_are_tried_in_their_order() -> None:
    tiers = ((A, B), (C,), (D,))
    for eligible, mask in [
        ("++++", 0b0011),
        ("-+++", 0b0010),
        ("--++", 0b0100),
        ("x-++", 0b0100),
        ("---+", 0b1000),
        ("??-+", 0b1000),
        ("??--", 0b0011),
        ("----", 0b0011),
        ("xx--", 0b0100),
        ("xxxx", 0b0011),
    ]:
        assert chosen(eligible, tiers=tiers)[0] == mask, eligible


def test_every_tier_must_have_enough_or_whatever_it_has() -> None:
    tiers = ((A, B), (C,))
    assert chosen("+-+", tiers=tiers, min_up=2)[0] == 0b100
    assert chosen("+--", tiers=tiers, min_up=2)[2] == Grade.DOWN
    assert chosen("+-+", tiers=tiers, min_up=0.5)[0] == 0b001


def test_members_that_no_tier_names_are_in_the_first() -> None:
    assert chosen("+++", tiers=((A,), (B,)))[0] == 0b101
    assert chosen("-+-", tiers=((A,), (B,)))[0] == 0b010
    assert chosen("+++", tiers=((), (B,)))[0] == 0b101
    assert chosen("-+-", tiers=((), (B,)))[0] == 0b010


def test_a_tier_of_addresses_that_are_gone_is_left_out() -> None:
    assert chosen("+", tiers=((B, C), (A,)))[::2] == (1, Grade.GOOD)


@pytest.mark.parametrize(
    ("all_down", "mask", "mode"),
    [
        ("all", 0b011, Mode.ANSWER),
        ("last_good", 0b010, Mode.ANSWER),
        ("fallback", 0b11000, Mode.ANSWER),
        ("nodata", 0, Mode.NODATA),
        ("servfail", 0, Mode.SERVFAIL),
        ("refuse", 0, Mode.REFUSED),
    ],
)
def test_all_down(all_down: str, mask: int, mode: Mode) -> None:
    found = chosen("--x", 0b010, all_down=all_down, fallback=(C, D))
    assert found == (mask, mode, Grade.DOWN)


def test_what_was_good_last_is_left_without_those_the_operator_removes() -> None:
    assert chosen("--x", 0b110, all_down="last_good")[0] == 0b010
    assert chosen("--x", 0b100, all_down="last_good")[0] == 0b011
    assert chosen("---", 0, all_down="last_good")[0] == 0b111


def test_one_for_each_query() -> None:
    weights = {A: 3, B: 0, D: 2}
    assert chosen("+++", select="one", weights=weights) == (0b111, Mode.SOME, Grade.GOOD)
    assert chosen("+++", select="weighted", weights=weights) == (0b101, Mode.SOME, Grade.GOOD)
    assert chosen("-+-", select="weighted", weights=weights) == (0b010, Mode.SOME, Grade.GOOD)
    assert chosen("---", select="weighted", weights=weights) == (0b101, Mode.SOME, Grade.DOWN)
    for select in ("some:2", "sticky"):
        assert chosen("+++", select=select, weights=weights) == (0b101, Mode.SOME, Grade.GOOD)
    assert chosen("+++", weights=weights) == (0b111, Mode.ANSWER, Grade.GOOD)
    gone: dict[str, object] = {"all_down": "fallback", "fallback": ("198.51.100.1",)}
    assert chosen("--", 0, select="weighted", **gone) == (0b100, Mode.SOME, Grade.DOWN)


def test_weights_are_those_of_members_and_fallbacks() -> None:
    changes: dict[str, object] = {"fallback": (C, D), "weights": {A: 3, C: 9}}
    assert Choice(pool(select="weighted", **changes), (A, B)).weights == (3, 1, 1, 1)
    assert Choice(pool(select="some:2", **changes), (A, B)).weights == (3, 1, 1, 1)
    assert Choice(pool(select="sticky", **changes), (A, B)).weights == (3, 1, 1, 1)
    assert Choice(pool(select="one", **changes), (A, B)).weights == (1, 1, 1, 1)


@given(
    st.text("+?-x", min_size=1, max_size=6),
    st.integers(0, 63),
    st.sampled_from([1, 2, 0.5]),
    st.sampled_from([(), ((A,), (B, C)), ((), (C,), (D,))]),
    st.sampled_from(["all", "last_good", "nodata"]),
    st.sampled_from([{}, {A: 0, B: 5}]),
)
def test_what_must_hold_whoever_is_up(
    eligible: str,
    last_good: int,
    min_up: float,
    tiers: tuple[tuple[str, ...], ...],
    all_down: str,
    weights: dict[str, int],
) -> None:
    mask, mode, grade = chosen(
        eligible,
        last_good & ((1 << len(eligible)) - 1),
        min_up=min_up,
        tiers=tiers,
        all_down=all_down,
        select="weighted" if weights else "all",
        weights=weights,
    )
    answered = {one for at, one in enumerate(eligible) if mask >> at & 1}
    # An RRset is never empty, unless the policy says so.
    assert mask or mode == Mode.NODATA
    assert mask < 1 << len(eligible)
    allowed = {Grade.GOOD: {"+"}, Grade.OPEN: {"+", "?"}, Grade.DOWN: {"+", "?", "-"}}
    if set(eligible) != {"x"}:
        assert answered <= allowed[grade]
    if grade == Grade.OPEN:
        assert "?" in eligible
