"""The carrier: control's orders, and what the master does without control."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dnsd.daemon.carrier import Carrier, any_worker
from dnsd.daemon.vigil import Vigil
from dnsd.errors import VipError
from dnsd.image.state import ControlCells, MasterCells, StateVector, WorkerCells
from dnsd.metrics.counters import INDEX

TICK = 0.05
MISS = 0.25


class Interface:
    def __init__(self) -> None:
        self.said: list[bool] = []
        self.deleted = self.closed = False

    def carrier(self, up: bool) -> None:
        if self.deleted:
            raise VipError("it is gone")
        self.said.append(up)

    def duplicate(self) -> int:
        raise AssertionError

    def close(self) -> None:
        self.closed = True


class Node:
    """Two workers, control's cells, and a clock."""

    def __init__(self) -> None:
        self.vector = StateVector.create(2)
        self.interface = Interface()
        self.carrier = Carrier(self.make, self.vector, any_worker(self.vector, MISS))
        self.vigil = Vigil(self.vector, 10 * MISS, TICK, lambda _pid: lambda step: step)
        self.now = 100.0
        self.alive = [True, True]
        for index in range(2):
            cells = self.vector.worker(index)
            cells[WorkerCells.LISTENING] = cells[WorkerCells.READ] = 1
        self.tick()

    def make(self) -> Interface:
        if self.interface.closed:
            self.interface = Interface()
        return self.interface

    def tick(self, times: int = 1) -> bool:
        """Let workers beat that are alive, and the master look; return whether it acted."""
        acted = False
        for _ in range(times):
            self.now += TICK
            for index, alive in enumerate(self.alive):
                if alive:
                    self.vector.worker(index)[WorkerCells.HEARTBEAT] = int(self.now * 1e9)
            self.vigil.look(self.now)
            acted |= self.carrier.turn()
        return acted

    def order(self, number: int, up: int) -> None:
        self.vector.control[ControlCells.CARRIER] = number << 1 | up
        self.tick()


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    yield node
    os.close(node.vector.fd)


def test_without_an_order_there_is_no_carrier(node: Node) -> None:
    node.tick(10)
    assert node.interface.said == []


def test_orders_are_followed_and_told(node: Node) -> None:
    node.order(1, 1)
    assert node.interface.said == [True]
    assert node.vector.master[MasterCells.CARRIER] == 1
    node.order(2, 0)
    assert node.interface.said == [True, False]
    assert node.vector.master[MasterCells.CARRIER] == 0


def test_one_silent_worker_of_two_is_no_reason(node: Node) -> None:
    node.order(1, 1)
    node.alive[0] = False
    assert not node.tick(100)
    assert node.carrier.up


def test_silence_of_all_takes_it_away_and_only_a_new_order_gives_it_back(node: Node) -> None:
    node.order(1, 1)
    node.alive = [False, False]
    assert not node.tick(4)
    assert node.tick()
    assert node.interface.said == [True, False]
    assert node.vector.master[MasterCells.SILENCED] == node.vector.control[ControlCells.CARRIER]
    node.alive = [True, True]
    assert not node.tick(10)
    assert not node.carrier.up
    node.order(2, 0)
    node.order(3, 1)
    assert node.carrier.up


def test_the_death_of_all_takes_it_away_at_once(node: Node) -> None:
    node.order(1, 1)
    for index in range(2):
        node.vector.worker(index)[WorkerCells.READ] = 0
    assert node.tick()
    assert not node.carrier.up


def test_an_order_without_workers_is_not_followed_for_long(node: Node) -> None:
    node.alive = [False, False]
    node.tick(10)
    node.order(1, 1)
    assert not node.carrier.up


def test_a_pause_of_the_master_itself_is_no_silence_of_workers(node: Node) -> None:
    node.order(1, 1)
    node.now += 60
    node.vigil.look(node.now)
    assert not node.carrier.turn()
    assert node.carrier.up


def test_workers_that_count_queries_hold_it_whatever_their_heartbeat(node: Node) -> None:
    """The loops of both are in batches that do not end, but queries are answered."""
    node.order(1, 1)
    node.alive = [False, False]
    for _ in range(100):
        node.vector.counters(1)[INDEX["queries_udp"]] += 1
        assert not node.tick()
    assert node.carrier.up


@pytest.mark.parametrize("up", [0, 1])
def test_an_interface_that_is_deleted_is_made_again(node: Node, up: int) -> None:
    node.order(1, 1)
    lost = node.interface
    lost.deleted = True
    node.order(2, 0)
    node.order(3, up)
    assert lost.closed
    assert node.interface is not lost
    assert node.interface.said == [bool(up)]


def test_an_order_while_no_worker_is_alive_gives_no_carrier_even_for_a_moment(node: Node) -> None:
    node.alive = [False, False]
    node.tick(10)
    node.order(1, 1)
    assert True not in node.interface.said
    assert node.vector.master[MasterCells.SILENCED] == node.vector.control[ControlCells.CARRIER]
    node.alive = [True, True]
    node.order(2, 0)
    node.order(3, 1)
    assert node.carrier.up


def test_an_interface_that_cannot_be_had_ends_nothing_and_is_told_once(
    node: Node, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> Interface:
        raise OSError(24, "Too many open files")

    node.order(1, 1)
    made = node.interface
    monkeypatch.setattr(made, "carrier", lambda _up: refuse())
    monkeypatch.setattr(node.carrier, "_make", refuse)
    for number in range(2, 10):
        node.order(number, number % 2)
    assert made.closed
    assert not node.carrier.up
    assert capfd.readouterr().err.count("will be recreated") == 1
    monkeypatch.setattr(node.carrier, "_make", node.make)
    node.order(10, 0)
    node.order(11, 1)
    assert node.carrier.up
