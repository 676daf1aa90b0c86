"""One run of ``bench plan``: learns of the demand where it is told to, and works out the plan."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.peers import PEERS
from bench.plan import choice
from bench.plan.results import PlanStudy, Way
from bench.study import node
from bench.study.results import about
from dnsd.failover.price import Live

if TYPE_CHECKING:
    from pathlib import Path

    from bench.plan.choice import Checks, Limits
    from bench.plan.source import Source


def plan(
    source: Source, limits: Limits, checks: Checks, ttls: set[int], settings: dict[str, str]
) -> PlanStudy:
    """Return the plan for the demand of ``source``; its table has ``ttls``."""
    lines = choice.lines(source, limits, checks, ttls)
    found = choice.ways(source, limits, checks)
    timing = checks.timing
    largest = [line.ttl for line in lines if line.objective]
    return PlanStudy(
        kind="plan",
        about=about({"dnsd": PEERS["dnsd"].version()}, settings),
        queries=limits.queries,
        objective=limits.objective,
        source=source.words,
        present=Way(
            timing.interval,
            timing.timeout,
            timing.fast_interval,
            timing.down,
            lines[-1],
            1 / timing.interval,
        ),
        ttl_min=checks.ttl_min,
        smallest=choice.smallest(source, limits.queries),
        largest=max(largest, default=None),
        verdict=choice.verdict(source, limits, checks),
        lines=lines,
        ways=found[: choice.WAYS],
        left_out=len(found[choice.WAYS :]),
        curve=choice.curve(source, limits, checks, max(line.ttl for line in lines)),
        measured=[(point.ttl, point.rate) for point in source.measured],
    )


def watch(config: Path | None, seconds: float, ttl: float) -> Live:
    """Return what a running dnsd is asked, counted for ``seconds``, which serves with ``ttl``."""
    before, begin = node.queries(node.status(config=config)), time.monotonic()
    time.sleep(seconds)
    after, end = node.queries(node.status(config=config)), time.monotonic()
    return Live((after - before) / (end - begin), ttl)
