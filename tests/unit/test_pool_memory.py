"""The numbers of pools: in a row, never twice, found again after a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.failover import memory as module
from dnsd.control.failover.memory import NONE, PoolMemory
from dnsd.errors import StateError
from dnsd.image.pools import MEMBERS, Mode, PoolVector, Word, unpack

WORD = Word(0b101, 60, Mode.ANSWER)


@pytest.fixture
def vector() -> PoolVector:
    return PoolVector.create(2)


def used(memory: PoolMemory, numbers: range) -> range:
    for number in numbers:
        memory.write(number, WORD)
    return numbers


def test_numbers_are_in_a_row_and_the_lowest_that_are_free(vector: PoolVector) -> None:
    memory = PoolMemory(vector, 2)
    one, two = memory.take(3), memory.take(2)
    assert (one, two, memory.take(0)) == (range(3), range(3, 5), NONE)
    memory.free(one)
    assert memory.take(4) == range(5, 9)
    assert memory.take(3) == range(3)


def test_what_is_freed_is_empty(vector: PoolVector) -> None:
    memory = PoolMemory(vector, 2)
    memory.take(1)
    numbers = used(memory, memory.take(2))
    assert unpack(vector.words[numbers[1]]) == WORD
    for worker in range(2):
        noted = vector.noted(worker)
        for cell in range(4 * MEMBERS):
            noted[cell] = 7
    memory.free(numbers)
    assert [vector.words[number] for number in numbers] == [0, 0]
    for worker in range(2):
        cells = list(vector.noted(worker)[: 4 * MEMBERS])
        assert cells == [7] * MEMBERS + [0] * 2 * MEMBERS + [7] * MEMBERS


def test_too_many_are_an_error_that_says_how_many_are_left(
    vector: PoolVector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POOLS", 10)
    memory = PoolMemory(vector, 2)
    first = memory.take(4)
    memory.take(3)
    memory.free(first)
    with pytest.raises(StateError, match="has 5 pools, and of the 10 .* only 4 are free in a row"):
        memory.take(5)
    assert memory.take(4) == first


def test_a_successor_finds_what_is_in_use(vector: PoolVector) -> None:
    before = PoolMemory(vector, 2)
    kept, one, other = (used(before, before.take(count)) for count in (2, 3, 1))
    before.free(one)
    memory = PoolMemory(vector, 2)
    memory.claim(kept)
    assert memory.leftovers() == [other]
    assert memory.leftovers() == []
    assert memory.take(3) == one
    assert memory.take(1).start > other.stop - 1
    memory.free(other)
    assert memory.take(1) == other


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=30))
def test_no_number_is_ever_given_twice(story: list[tuple[bool, int]]) -> None:
    memory = PoolMemory(PoolVector.create(1), 1)
    held: list[range] = []
    for take, number in story:
        if take:
            held.append(memory.take(number))
        elif held:
            memory.free(held.pop(number % len(held)))
        numbers = [one for numbers in held for one in numbers]
        assert len(numbers) == len(set(numbers))
