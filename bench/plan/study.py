"""One run of ``bench plan``: learns of the demand where it is told to, and works out the plan."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.plan import choice
from bench.plan.results import Floor, PlanStudy, Way
from bench.study import node
from bench.study.errors import StudyError
from dnsd.failover.price import measured
from dnsd.failover.rate import Rate, rate_of, together

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bench.plan.choice import Limits
    from bench.plan.subject import Subject
    from bench.study.results import About
    from dnsd.failover.price import Live

STEPS = 24
"""A rate is counted in so many steps."""


def plan(subject: Subject, limits: Limits, ttls: set[int], about: About) -> PlanStudy:
    """Return the plan for ``subject``; its table has ``ttls``."""
    source, checks = subject.source, subject.checks
    lines = choice.lines(source, limits, checks, ttls)
    found = choice.ways(source, limits, checks)
    timing = checks.timing
    best = choice.best(source, limits, checks, max(subject.today, default=0.0))
    return PlanStudy(
        kind="plan",
        about=about,
        queries=limits.queries,
        objective=limits.objective,
        source=source.words,
        about_names=subject.about_names,
        today=list(subject.today),
        present=Way(
            timing.interval,
            timing.timeout,
            timing.fast_interval,
            timing.down,
            lines[-1],
            1 / timing.interval,
        ),
        ttl_min=checks.ttl_min,
        floor=Floor(*checks.floors),
        smallest=choice.smallest(source, limits.queries),
        largest=choice.largest(limits, checks),
        best=best,
        sentence=choice.sentence(source, limits, checks, best),
        verdict=choice.verdict(source, limits, checks),
        lines=lines,
        ways=found[: choice.WAYS],
        left_out=len(found[choice.WAYS :]),
        curve=choice.curve(source, limits, checks, frozenset([best])),
        measured=[(point.ttl, point.rate) for point in source.measured],
        dots=list(subject.dots),
        advice=list(subject.advice),
        together=subject.together,
        names=list(subject.names),
    )


def watch(config: Path | None, seconds: float, ttl: float) -> Live:
    """Return what a running dnsd is asked, which serves with ``ttl``.

    It is counted in STEPS steps of ``seconds`` together, whose scatter makes the interval.
    """
    counts, begin = [node.queries(node.status(config=config))], time.monotonic()
    for _ in range(STEPS):
        time.sleep(seconds / STEPS)
        counts.append(node.queries(node.status(config=config)))
    step = (time.monotonic() - begin) / STEPS
    rate = rate_of([after - before for before, after in pairwise(counts)], step)
    assert rate is not None
    return measured(rate, ttl)


def pools(config: Path | None, names: Collection[str], ttl: float) -> Live:
    """Return how often the pools ``names`` of a running dnsd were asked for in the last minutes.

    Names are absolute and lower case.
    """
    told = node.pools(config=config)
    rates = [Rate(**one["rate"]) for one in told if one["name"] in names and one.get("rate")]
    if not rates:
        raise StudyError(
            "dnsd has counted no queries for a pool of that name: see dnsd failover, ask again in"
            " half a minute, or leave --name out to count what is asked for all names"
        )
    return measured(together(rates), ttl)
