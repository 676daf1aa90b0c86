"""The node's state as metrics: its processes, zones, pools, and what caches may hold.

Reads values that others keep; what each metric means stands in deploy/prometheus/README.md.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import dnsd
from dnsd import hotpath
from dnsd.control import limited
from dnsd.control.nothing import no_items
from dnsd.control.web import (
    members,
    outmetrics,
    route,
    signaturemetrics,
    transfermetrics,
    zonemetrics,
)
from dnsd.control.web.transfermetrics import NOTHING, TransferFigures
from dnsd.control.web.zonemetrics import NO_BUILDS, BuildFigures
from dnsd.failover.member import MemberState
from dnsd.image.state import ControlCells, WorkerCells
from dnsd.metrics.prometheus import MetricFamily, counted, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dnsd.caches.ledger import Ledger
    from dnsd.control.differences import Difference
    from dnsd.control.failover.checking import MemberChecks
    from dnsd.control.failover.live import LivePool, PoolKey
    from dnsd.control.failover.out import OutMember
    from dnsd.control.failover.peers import Peer
    from dnsd.control.hooks.outbox import Outbox
    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.state import StateVector


def _none(_now: int) -> None:
    """Say that no demand is counted."""


def _no_counts() -> Mapping[PoolKey, int]:
    return {}


def _no_transfers() -> TransferFigures:
    return NOTHING


def _no_builds() -> BuildFigures:
    return NO_BUILDS


def _no_route() -> None:
    """Say that there is no anycast plane."""


class MetricsSource(NamedTuple):
    """Where the values come from; ``started`` is when the node began (monotonic, nanoseconds)."""

    vector: StateVector
    started: int
    rows: Callable[[], Iterable[ZoneRow]]
    pools: Callable[[], Iterable[LivePool]]
    ledger: Ledger
    peers: Sequence[Peer] = ()
    differences: Callable[[], Sequence[Difference]] = no_items
    checking: MemberChecks | None = None
    outboxes: Sequence[Outbox] = ()
    asked: Callable[[], Mapping[PoolKey, int]] = _no_counts
    demand: Callable[[int], Mapping[str, Any] | None] = _none
    aliases: Callable[[], Sequence[Mapping[str, Any]]] = no_items
    transfers: Callable[[], TransferFigures] = _no_transfers
    route: Callable[[], Mapping[str, Any] | None] = _no_route
    builds: Callable[[], BuildFigures] = _no_builds
    out: Callable[[], Sequence[OutMember]] = no_items
    replaced: Mapping[int, int] = {}


def text(source: MetricsSource) -> str:
    """Return all metrics."""
    return text_of(families(source))


def families(source: MetricsSource) -> Iterator[MetricFamily]:
    """Yield every metric there is; one that has no samples just now is among them."""
    vector = source.vector
    yield from _process(source)
    yield from counted([vector.counters(index) for index in range(vector.workers)])
    yield from _workers(vector)
    yield MetricFamily(
        "dnsd_worker_replacements_total",
        "counter",
        "Processes of a worker that have ended, or hung, and were replaced; since control began.",
        [({"worker": str(one)}, source.replaced.get(one, 0)) for one in vector.serving],
    )
    yield _limited(vector)
    yield from zonemetrics.families(list(source.rows()), source.builds())
    yield from signaturemetrics.families(source.rows(), time.time())
    yield from _differences(vector.serving, source.differences())
    yield from _pools(list(source.pools()))
    yield _asked(source.asked())
    yield from members.families(list(source.pools()))
    yield from outmetrics.families(source.out())
    yield from _checks(source.checking)
    yield from _hooks(source.outboxes)
    yield from _aliases(source.aliases())
    yield from transfermetrics.families(source.transfers())
    yield from route.families(source.route())
    yield from _votes(list(source.pools()), source.peers)
    yield from _caches(source.ledger)
    yield from _demand(source.demand(time.monotonic_ns()))


def _one(name: str, text: str, value: float) -> MetricFamily:
    return MetricFamily(name, "gauge", text, [({}, value)])


def _process(source: MetricsSource) -> Iterator[MetricFamily]:
    about = {"version": dnsd.__version__, "hot_path": hotpath.implementation()}
    yield MetricFamily(
        "dnsd_info", "gauge", "Version and implementation that run here; always 1.", [(about, 1)]
    )
    up = (time.monotonic_ns() - source.started) / 1e9
    yield _one("dnsd_uptime_seconds", "Seconds since dnsd was started.", up)
    generation = source.vector.control[ControlCells.GENERATION]
    yield _one("dnsd_generation", "Generation of the published data.", generation)


def _workers(vector: StateVector) -> Iterator[MetricFamily]:
    now = time.monotonic_ns()
    workers = [(str(index), vector.worker(index)) for index in vector.serving]

    def each(name: str, text: str, value: dict[str, float]) -> MetricFamily:
        return MetricFamily(
            name, "gauge", text, [({"worker": one}, of) for one, of in value.items()]
        )

    yield each(
        "dnsd_worker_listening",
        "Whether a worker answers.",
        {one: cells[WorkerCells.LISTENING] for one, cells in workers},
    )
    yield each(
        "dnsd_worker_heartbeat_age_seconds",
        "Seconds since the last heartbeat of a worker.",
        {
            one: max(0, now - beat) / 1e9
            for one, cells in workers
            if (beat := cells[WorkerCells.HEARTBEAT])
        },
    )
    yield each(
        "dnsd_worker_silent_seconds",
        "How long a worker has made no progress although it could have.",
        {one: cells[WorkerCells.SILENT] / 1e9 for one, cells in workers},
    )
    yield each(
        "dnsd_worker_lag_seconds",
        "How late a worker's event loop was last.",
        {one: cells[WorkerCells.LAG] / 1e9 for one, cells in workers},
    )
    yield each(
        "dnsd_worker_generation",
        "Last generation of which a worker serves everything.",
        {one: cells[WorkerCells.GENERATION] for one, cells in workers},
    )
    yield each(
        "dnsd_worker_tcp_connections",
        "TCP connections that are open.",
        {one: cells[WorkerCells.TCP_OPEN] for one, cells in workers},
    )


def _limited(vector: StateVector) -> MetricFamily:
    return MetricFamily(
        "dnsd_limited_network",
        "gauge",
        "Answers withheld from a network that is limited now; of the 16 with the most.",
        [
            ({"network": one.prefix}, one.withheld)
            for one in limited.found(vector, time.monotonic())
        ],
    )


def _differences(workers: Sequence[int], found: Sequence[Difference]) -> Iterator[MetricFamily]:
    now = time.monotonic()
    yield MetricFamily(
        "dnsd_worker_differences",
        "gauge",
        "Zones, or the journal, that a worker does not serve as wanted.",
        [({"worker": str(index)}, sum(one.worker == index for one in found)) for index in workers],
    )
    yield _one(
        "dnsd_difference_seconds",
        "Longest time that a worker has not served what is wanted; 0 if all do.",
        max((now - one.since for one in found), default=0.0),
    )


def _pools(pools: list[LivePool]) -> Iterator[MetricFamily]:
    labelled = [({"pool": one.key.name, "type": one.key.type}, one) for one in pools]
    yield MetricFamily(
        "dnsd_pool_ttl_seconds",
        "gauge",
        "The TTL that a pool is answered with.",
        [(labels, pool.decision.ttl) for labels, pool in labelled],
    )
    yield MetricFamily(
        "dnsd_pool_answered_members",
        "gauge",
        "Addresses that a pool is answered with.",
        [(labels, len(pool.answered)) for labels, pool in labelled],
    )
    yield MetricFamily(
        "dnsd_pool_members",
        "gauge",
        "Members of a pool by what their checks say.",
        [
            ({**labels, "state": state.value}, [one.state for one in members].count(state))
            for labels, pool in labelled
            if (members := pool.state.members.values())
            for state in MemberState
        ],
    )
    yield MetricFamily(
        "dnsd_pool_ordered_members",
        "gauge",
        "Members of a pool with an operator's order.",
        [
            (labels, sum(one.order is not None for one in pool.state.members.values()))
            for labels, pool in labelled
        ],
    )


def _asked(queries: Mapping[PoolKey, int]) -> MetricFamily:
    return MetricFamily(
        "dnsd_pool_queries_total",
        "counter",
        "Queries for a pool, as of the last ten seconds.",
        [({"pool": key.name, "type": key.type}, count) for key, count in sorted(queries.items())],
    )


def _checks(checking: MemberChecks | None) -> Iterator[MetricFamily]:
    yield _one(
        "dnsd_checks_behind_seconds",
        "How far checks of services are behind their schedule.",
        checking.behind if checking else 0.0,
    )
    yield _one(
        "dnsd_broken_promises",
        "Pools that cannot keep their recovery time objective, because of all that is checked.",
        len(checking.pledges.broken) if checking else 0,
    )


def _hooks(outboxes: Sequence[Outbox]) -> Iterator[MetricFamily]:
    yield MetricFamily(
        "dnsd_hook_changes_total",
        "counter",
        "Changes for the receivers of [failover.hooks], by outcome.",
        [
            ({"hook": one.name, "result": result}, count)
            for one in outboxes
            for result, count in (("delivered", one.delivered), ("dropped", one.dropped))
        ],
    )
    yield MetricFamily(
        "dnsd_hook_changes_waiting",
        "gauge",
        "Changes that wait for a receiver.",
        [({"hook": one.name}, one.waiting) for one in outboxes],
    )


def _aliases(found: Sequence[Mapping[str, Any]]) -> Iterator[MetricFamily]:
    labelled = [({"alias": one["name"], "type": one["type"]}, one) for one in found]
    yield MetricFamily(
        "dnsd_alias_addresses",
        "gauge",
        "Addresses of its target that an alias is answered with; 0: those in the zone file.",
        [(labels, len(one["addresses"])) for labels, one in labelled],
    )
    yield MetricFamily(
        "dnsd_alias_age_seconds",
        "gauge",
        "Seconds since the addresses of an alias were confirmed.",
        [(labels, one["age"]) for labels, one in labelled if one["age"] is not None],
    )
    yield MetricFamily(
        "dnsd_alias_unresolved",
        "gauge",
        "Whether the target of an alias gave no addresses when it was asked for last.",
        [(labels, int(bool(one["fault"]))) for labels, one in labelled],
    )


def _votes(pools: list[LivePool], peers: Sequence[Peer]) -> Iterator[MetricFamily]:
    yield MetricFamily(
        "dnsd_pool_disputed_members",
        "gauge",
        "Members of a pool on which too few nodes agree.",
        [
            (
                {"pool": pool.key.name, "type": pool.key.type},
                sum(not found.firm for found in pool.state.agreements.values()),
            )
            for pool in pools
            if pool.state.is_shared
        ],
    )
    yield MetricFamily(
        "dnsd_peer_heard",
        "gauge",
        "Whether another voting node answered the last request.",
        [({"peer": peer.url}, int(peer.at is not None and not peer.fault)) for peer in peers],
    )


def _caches(ledger: Ledger) -> Iterator[MetricFamily]:
    held, latest = ledger.held(time.monotonic())
    yield _one(
        "dnsd_horizon_versions",
        "Contents of RRsets, once given out, that caches may still hold: of pools and old zones.",
        held,
    )
    yield _one(
        "dnsd_horizon_latest_seconds", "Seconds until caches have forgotten the last one.", latest
    )


def _demand(found: Mapping[str, Any] | None) -> Iterator[MetricFamily]:
    yield _one("dnsd_demand_counting", "Whether demand is counted.", int(found is not None))
    for name, text, key in (
        ("window_seconds", "Since when the window of [demand] lasts.", "seconds"),
        ("window_queries", "Queries that were counted in this window.", "queries"),
        ("full_ratio", "The share of the sample's sets that are full: above 0 it is one.", "full"),
    ):
        family = MetricFamily(f"dnsd_demand_{name}", "gauge", text, [])
        yield family if found is None else family._replace(samples=[({}, found[key])])
