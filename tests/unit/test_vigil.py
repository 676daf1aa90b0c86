"""The master's watch over the workers: who goes, one at a time, and never all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.daemon.vigil import REPLACE_S, Succession, Vigil
from dnsd.image.state import StateVector, WorkerCells
from dnsd.metrics.counters import INDEX

TICK = 0.05
LIMIT = 1.0
WORKERS = 4


class Node:
    """Workers that get on or not, a CPU that they have or not, and a clock."""

    def __init__(self) -> None:
        self.vector = StateVector.create(WORKERS)
        self.shares = [1.0] * WORKERS
        self.stuck: set[int] = set()
        self.killed: list[int] = []
        self.now = 100.0
        numbers = iter(range(WORKERS))
        self.vigil = Vigil(
            self.vector, LIMIT, TICK, lambda _pid: partial(self.share_of, next(numbers))
        )
        for index in range(WORKERS):
            self.serve(index)
        self.tick()

    def share_of(self, index: int, step: float) -> float:
        return step * self.shares[index]

    def serve(self, index: int, serving: int = 1) -> None:
        cells = self.vector.worker(index)
        cells[WorkerCells.LISTENING] = cells[WorkerCells.READ] = serving

    def tick(self, seconds: float = TICK) -> list[int]:
        """Let time go by; return who was killed."""
        before = len(self.killed)
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            for index in set(range(WORKERS)) - self.stuck:
                self.vector.worker(index)[WorkerCells.HEARTBEAT] += 1
            chosen = self.vigil.look(self.now)
            if chosen is not None:
                self.killed.append(chosen)
        return self.killed[before:]

    def silent(self, index: int) -> float:
        return float(self.vector.worker(index)[WorkerCells.SILENT]) / 1e9


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    yield node
    os.close(node.vector.fd)


def test_who_gets_on_is_never_killed(node: Node) -> None:
    assert node.tick(100) == []
    assert node.silent(0) == 0


def test_who_is_stuck_is_killed_and_its_silence_is_told(node: Node) -> None:
    node.stuck = {2}
    assert node.tick(LIMIT - 2 * TICK) == []
    assert 0 < node.silent(2) < LIMIT
    assert node.tick(3 * TICK) == [2]
    assert node.silent(2) > LIMIT, "until it is gone it is no better"


@pytest.mark.parametrize("counter", ["queries_udp", "queries_tcp", "tcp_closed_idle", "chaos"])
def test_whatever_a_worker_counts_is_progress(node: Node, counter: str) -> None:
    """A batch of dear packets: the loop does not turn, but queries are answered."""
    node.stuck = {0}
    for _ in range(100):
        node.vector.counters(0)[INDEX[counter]] += 1
        assert node.tick(LIMIT / 2) == []


def test_who_is_starved_is_not_killed_and_who_had_little_only_after_long(node: Node) -> None:
    node.stuck = {0, 1}
    node.shares[0], node.shares[1] = 0.0, 0.1
    assert node.tick(LIMIT * 9) == []
    assert node.tick(LIMIT * 2) == [1]
    assert node.silent(0) == 0


def test_all_stuck_at_once_go_one_by_one_each_when_the_last_one_is_replaced(node: Node) -> None:
    node.stuck = set(range(WORKERS))
    for number in range(WORKERS):
        (killed,) = node.tick(2 * LIMIT)
        assert len(set(node.killed)) == number + 1
        node.serve(killed, 0)
        assert node.tick(REPLACE_S / 2) == [], "its successor does not serve yet"
        node.stuck.discard(killed)
        node.serve(killed, 1)
    assert node.tick(REPLACE_S * 3) == []


def test_a_successor_that_never_serves_saves_the_others_for_a_while_only(node: Node) -> None:
    node.stuck = {0, 1}
    (killed,) = node.tick(2 * LIMIT)
    node.serve(killed, 0)
    assert node.tick(REPLACE_S - 2 * LIMIT) == []
    assert node.tick(3 * LIMIT) == [1 - killed]


def test_who_does_not_end_when_killed_is_killed_again_after_a_while(node: Node) -> None:
    node.stuck = {3}
    node.tick(2 * LIMIT)
    node.tick(3 * REPLACE_S)
    assert 3 <= len(node.killed) <= 4


def test_who_does_not_serve_yet_owes_nothing(node: Node) -> None:
    node.stuck = {1}
    node.serve(1, 0)
    assert node.tick(10 * LIMIT) == []
    node.serve(1, 1)
    assert node.tick(LIMIT - 2 * TICK) == [], "what it had before it served does not count"


def test_the_successor_of_one_that_was_killed_may_be_stuck_as_well(node: Node) -> None:
    node.stuck = {1}
    node.tick(2 * LIMIT)
    node.serve(1, 0)
    node.tick()
    node.serve(1, 1)
    assert node.tick(2 * LIMIT) == [1]


states = st.sampled_from(("well", "silent", "gone"))


@given(st.lists(st.lists(states, min_size=3, max_size=3), max_size=80))
def test_never_are_two_killed_before_the_first_is_replaced_or_had_its_time(
    story: list[list[str]],
) -> None:
    succession, kills, seen = Succession(), [], []
    for now, workers in enumerate(story):
        silent = {index: 2.0 for index, state in enumerate(workers) if state == "silent"}
        serving = {index for index, state in enumerate(workers) if state != "gone"}
        chosen = succession.next(float(now), silent, serving)
        seen.append(serving)
        if chosen is not None:
            assert chosen in silent
            kills.append((now, chosen))
    for (first, killed), (second, _) in pairwise(kills):
        down = [now for now in range(first + 1, second + 1) if killed not in seen[now]]
        replaced = bool(down) and any(killed in each for each in seen[down[0] : second + 1])
        assert replaced or second - first >= REPLACE_S
