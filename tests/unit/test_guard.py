"""What an edit may take away, and which zones may go at once: decisions, and their laws."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.zones.guard import WINDOW_S, GoneZones, ZoneEdit, absence, loss, stagnation
from dnsd.zone.findings import Severity


class Zone(NamedTuple):
    """A zone as it is compared."""

    records: int = 100
    pools: tuple[str, ...] = ()
    serial: int = 1
    text: str = "a"


def edit(old: Zone, new: Zone) -> ZoneEdit:
    return ZoneEdit("example.com.", "f", old, new)


@pytest.mark.parametrize(
    ("old", "new", "is_refused"),
    [
        (100, 50, False),
        (100, 49, True),
        (100, 200, False),
        (3, 2, False),
        (3, 1, True),
        (0, 0, False),
    ],
)
def test_more_than_half_of_the_records_must_not_go_unasked(
    old: int, new: int, is_refused: bool
) -> None:
    found = loss(edit(Zone(old), Zone(new)), 0.5)
    assert bool(found) == is_refused
    if found:
        assert str(found) == (
            f"f:1: error: {old - new} of {old} records are gone, more than [zones] shrink allows "
            "(50%): if this is intended, run dnsd reload --force example.com. [zone-shrunk]"
        )


@pytest.mark.parametrize(
    ("old", "new", "is_refused"), [(1, 0, True), (2, 1, False), (4, 1, True), (0, 0, False)]
)
def test_nor_must_the_pools(old: int, new: int, is_refused: bool) -> None:
    found = loss(edit(Zone(pools=("p",) * old), Zone(pools=("p",) * new)), 0.5)
    assert bool(found) == is_refused
    if found:
        assert found.code == "pools-gone"
        assert f"{old - new} of {old} pools are gone" in found.message


@given(old=st.integers(0, 1000), new=st.integers(0, 1000))
def test_all_of_it_may_go_where_that_is_meant(old: int, new: int) -> None:
    assert loss(edit(Zone(old), Zone(new)), 1.0) is None


@given(old=st.integers(0, 2**32 - 1), step=st.integers(0, 2**32 - 1), text=st.sampled_from("ab"))
def test_a_serial_that_has_not_grown_is_told_if_the_text_has_changed(
    old: int, step: int, text: str
) -> None:
    found = stagnation(edit(Zone(serial=old), Zone(serial=(old + step) % 2**32, text=text)))
    assert bool(found) == (text == "b" and not 0 < step < 2**31)
    if found:
        assert (found.severity, found.code) == (Severity.WARNING, "serial-not-grown")


def test_of_an_image_that_does_not_tell_its_text_nothing_is_said() -> None:
    assert stagnation(edit(Zone(text=""), Zone(text="b"))) is None


# -- zones that go ----------------------------------------------------------------------------


def names(*numbers: int) -> set[str]:
    return {f"z{number}." for number in numbers}


@pytest.mark.parametrize(
    ("there", "gone", "is_held"),
    [(1, 1, True), (2, 1, False), (2, 2, True), (3, 1, False), (3, 2, True), (10, 5, False)],
)
def test_the_only_zone_stays_and_one_of_two_may_go(there: int, gone: int, is_held: bool) -> None:
    held = GoneZones().decide(names(*range(there)), names(*range(gone)), 0.5, 0.0)
    assert held == (names(*range(gone)) if is_held else set())


def test_what_is_held_is_held_until_it_is_there_again() -> None:
    """A disk comes back file by file: what has not come yet is not to be dropped meanwhile."""
    leaving = GoneZones()
    served = names(*range(10))
    leaving.decide(served, served, 0.5, 0.0)
    for back in range(1, 11):
        missing = names(*range(back, 10))
        assert leaving.decide(served, missing, 0.5, back * WINDOW_S) == missing


def test_a_long_deletion_is_one() -> None:
    leaving = GoneZones()
    served = names(*range(10))
    for number in range(10):
        held = leaving.decide(served, names(number) | leaving.held, 0.5, 10.0 * number)
        if not held:
            served -= names(number)
            leaving.dropped(1, 10.0 * number)
    assert served == names(*range(5, 10))


def test_what_has_gone_long_ago_does_not_count() -> None:
    leaving = GoneZones()
    leaving.decide(names(0, 1), names(0), 0.5, 0.0)
    leaving.dropped(1, 0.0)
    assert leaving.decide(names(1, 2), names(1), 0.5, WINDOW_S - 1) == names(1)
    leaving = GoneZones()
    leaving.dropped(1, 0.0)
    assert leaving.decide(names(1, 2), names(1), 0.5, WINDOW_S) == set()


shares = st.sampled_from((0.0, 0.25, 0.5, 1.0))


@given(
    share=shares,
    steps=st.lists(st.tuples(st.sets(st.integers(0, 9)), st.floats(0.0, 500.0)), max_size=12),
)
def test_never_more_than_the_share_within_the_window(
    share: float, steps: list[tuple[set[int], float]]
) -> None:
    leaving, served, now = GoneZones(), names(*range(10)), 0.0
    drops: list[tuple[float, int]] = []
    for missing, pause in steps:
        now += pause
        gone = served & names(*missing)
        held = leaving.decide(served, gone, share, now)
        assert held <= gone
        before = len(served)
        served -= gone - held
        leaving.dropped(len(gone - held), now)
        lately = [(at, count) for at, count in drops if at > now - WINDOW_S]
        drops = [*lately, (now, len(gone - held))]
        if gone - held:
            lost = sum(count for _, count in drops)
            assert lost <= share * (before + sum(count for _, count in lately))


def test_the_sentence_names_some() -> None:
    text = absence(names(*range(6)), 0.5)
    assert text.startswith("the zone files of z0., z1., z2., z3., 2 more are gone, more than")
    assert "(50%): still serving their data" in text
    assert "dnsd reload --force" in text
