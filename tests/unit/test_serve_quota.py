"""Connections are counted for the node, by IPv4 address and IPv6 /64."""

from __future__ import annotations

from dnsd.image.state import StateVector, WorkerCells
from dnsd.serve.quota import Quota
from dnsd.serve.spec import TcpLimits

LIMITS = TcpLimits(connections=3, per_source=2)


def test_quota_source_is_an_address_or_a_64() -> None:
    quota = Quota(StateVector.create(1), 0, LIMITS)
    assert quota.source("192.0.2.1") == quota.source("192.0.2.1")
    assert quota.source("2001:db8:0:1::1") == quota.source("2001:db8:0:1:ffff::2")
    many = {quota.source(f"192.0.2.{last}") for last in range(256)}
    nets = {quota.source(f"2001:db8:0:{net:x}::1") for net in range(256)}
    # Some collide, as any 256 of 4096 do, but they are spread.
    assert min(len(many), len(nets)) > 200


def test_quota_cells_cannot_be_foretold() -> None:
    sources = [f"192.0.2.{last}" for last in range(8)]
    one, other = (Quota(StateVector.create(1), 0, LIMITS) for _ in range(2))
    assert [*map(one.source, sources)] != [*map(other.source, sources)]


def full(quota: Quota, source: int) -> tuple[bool, bool]:
    return quota.is_full, quota.is_source_full(source)


def test_quota_is_the_sum_of_the_workers() -> None:
    state = StateVector.create(2)
    one, other = Quota(state, 0, LIMITS), Quota(state, 1, LIMITS)
    source = one.source("192.0.2.1")
    assert source == other.source("192.0.2.1")
    one.add(source)
    assert full(one, source) == full(other, source) == (False, False)
    other.add(source)
    assert full(one, source) == full(other, source) == (False, True)
    one.add(source + 1)
    assert full(one, source) == full(other, source) == (True, True)
    other.remove(source)
    assert full(one, source) == full(other, source) == (False, False)


def test_quota_of_a_dead_worker_is_given_back_by_its_successor() -> None:
    state = StateVector.create(2)
    dead, other = Quota(state, 0, LIMITS), Quota(state, 1, LIMITS)
    for source in range(3):
        dead.add(source)
        dead.add(source)
    other.add(1)
    assert full(other, 1) == (True, True)
    Quota(state, 0, LIMITS)
    assert full(other, 1) == (False, False)
    assert state.worker(0)[WorkerCells.TCP_OPEN] == 0
    assert state.worker(1)[WorkerCells.TCP_OPEN] == 1
