"""A director's state as metrics; what each means stands in deploy/prometheus/README.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dnsd
from dnsd.balance.backend import BackendState
from dnsd.metrics.prometheus import MetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dnsd.config.balance import BackendConfig
    from dnsd.control.balance.engine import BalanceEngine
    from dnsd.control.balance.live import LiveService
    from dnsd.control.balance.routes import Routes


def families(engine: BalanceEngine, routes: Routes) -> Iterator[MetricFamily]:
    """Yield every metric of a director."""
    about = {"version": dnsd.__version__, "role": "director"}
    yield MetricFamily(
        "dnsd_director_info",
        "gauge",
        "Version and implementation that run here; always 1.",
        [(about, 1)],
    )
    now = time.monotonic()
    yield MetricFamily(
        "dnsd_service_announced",
        "gauge",
        "Whether the VIPs of a service have a carrier, so that BIRD announces them.",
        [({"service": name}, one.view(now).carrier) for name, one in routes.routes.items()],
    )
    yield MetricFamily(
        "dnsd_service_slots_waiting",
        "gauge",
        "Slots that wait for silence before they move to another backend.",
        [({"service": name}, one.slots.waiting) for name, one in engine.services.items()],
    )
    each = _Each(engine)
    yield each.gauge(
        "dnsd_backend_up",
        "Whether a backend is up.",
        lambda one, backend: one.backends[backend.name].state == BackendState.UP,
    )
    yield each.gauge(
        "dnsd_backend_drained",
        "Whether a backend is drained.",
        lambda one, backend: one.is_drained(backend),
    )
    yield each.gauge(
        "dnsd_backend_slots",
        "Slots that lead to a backend.",
        lambda one, backend: len(one.slots.held_by(backend.name)),
    )
    yield each.gauge(
        "dnsd_backend_packets_per_second",
        "Packets from clients to a backend, over five seconds; 0 while unknown.",
        lambda one, backend: engine.writer.rates.of(one.config.name, backend.name) or 0,
    )


class _Each:
    """Samples of every backend of every service."""

    def __init__(self, engine: BalanceEngine) -> None:
        self._pairs = [
            (live, backend)
            for live in engine.services.values()
            for backend in live.config.backend
            if backend.name in live.backends
        ]

    def gauge(
        self, name: str, text: str, value: Callable[[LiveService, BackendConfig], float]
    ) -> MetricFamily:
        samples = [
            ({"service": live.config.name, "backend": backend.name}, value(live, backend))
            for live, backend in self._pairs
        ]
        return MetricFamily(name, "gauge", text, samples)
