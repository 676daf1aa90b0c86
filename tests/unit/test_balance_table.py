"""The table of a service: shares follow weights, and only the slots of a leaver move."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsd.balance.table import table

SLOTS = 1021

names = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
weights = st.dictionaries(names, st.integers(1, 100), min_size=1, max_size=8)


@given(weights, st.data())
def test_only_the_slots_of_one_that_leaves_move(
    weights: dict[str, int], data: st.DataObject
) -> None:
    before = table(weights, SLOTS)
    leaver = data.draw(st.sampled_from(sorted(weights)))
    after = table({name: weight for name, weight in weights.items() if name != leaver}, SLOTS)
    if len(weights) == 1:
        assert after == ()
        return
    moved = {slot for slot in range(SLOTS) if before[slot] != after[slot]}
    assert moved == {slot for slot in range(SLOTS) if before[slot] == leaver}


@given(weights, st.data())
def test_a_weight_moves_slots_only_from_or_to_its_own_backend(
    weights: dict[str, int], data: st.DataObject
) -> None:
    changed = data.draw(st.sampled_from(sorted(weights)))
    more = {**weights, changed: weights[changed] + data.draw(st.integers(1, 50))}
    for was, now in zip(table(weights, SLOTS), table(more, SLOTS), strict=True):
        assert now in (was, changed)


@given(weights, st.randoms())
def test_the_order_in_which_backends_are_named_does_not_matter(
    weights: dict[str, int], random: Random
) -> None:
    items = [*weights.items()]
    random.shuffle(items)
    assert table(dict(items), SLOTS) == table(weights, SLOTS)


@given(weights, names)
def test_weight_zero_is_as_if_the_backend_were_not_there(
    weights: dict[str, int], other: str
) -> None:
    without = {name: weight for name, weight in weights.items() if name != other}
    assert table({**without, other: 0}, SLOTS) == table(without, SLOTS)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(names, st.integers(1, 5), min_size=2, max_size=5))
def test_shares_follow_the_weights(weights: dict[str, int]) -> None:
    found = Counter(table(weights, 4093))
    for name, weight in weights.items():
        share = weight / sum(weights.values())
        deviation = (4093 * share * (1 - share)) ** 0.5
        # Six standard deviations: a fair draw leaves them once in 500 million tries.
        assert abs(found[name] - 4093 * share) < 6 * deviation


def test_a_table_is_the_same_on_every_machine_and_in_every_version() -> None:
    found = table({"a": 1, "b": 2, "c": 1}, 16)
    assert "".join(found) == TABLE


TABLE = "bbcbbaabcaccbbbb"


@pytest.mark.parametrize("weights", [{}, {"a": 0}])
def test_without_a_backend_there_is_no_table(weights: dict[str, int]) -> None:
    assert table(weights, SLOTS) == ()
