"""A log that is made: what caches would ask a server of a zone, while their users look names up.

Shares of caches and of names follow Zipf's law, users come at random and by day and night. A, AAAA
and HTTPS of a name are looked up together, as browsers do. Caches hold each answer for exactly as
long as the zone says. It is for trying what reads logs where the truth is known.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np

from bench.demand.log import Query, RRset
from bench.demand.rows import entry
from bench.demand.text import CSV_HEAD
from bench.ttl.caches import Cache, walk
from bench.ttl.demand import Day, Population, arrivals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bench.plan.site import Site

TOGETHER = ("A", "AAAA", "HTTPS")
_GZIP = ".gz"


class Making(NamedTuple):
    """``rate`` lookups a second at ``caches`` for ``seconds``; demand swings by ``swing``."""

    caches: int
    rate: float
    seconds: float
    swing: float
    seed: int


def make(names: list[str], site: Site, how: Making) -> Iterator[Query]:
    """Yield what caches ask for ``names``, of which the first ones are looked up most; by entry."""
    rng = np.random.default_rng([how.seed, 6])
    population = Population(how.caches, len(names), how.rate)
    rates = population.rates().reshape(how.caches, -1)
    for number, name in enumerate(names):
        questions = _entries(name, site)
        for some in arrivals(rates[:, number].copy(), how.seconds, Day(how.swing), rng):
            for question, ttl in questions:
                asks = walk(some, Cache().again(some.times, ttl))
                for cache, when in zip(
                    some.pairs[asks].tolist(), some.times[asks].tolist(), strict=True
                ):
                    yield Query(when, _address(cache), *question)


def _entries(name: str, site: Site) -> list[tuple[RRset, float]]:
    """Return what is asked for ``name``, once for each entry of a cache, with its TTL."""
    found: dict[RRset, tuple[RRset, float]] = {}
    for rtype in TOGETHER:
        question = RRset(name, rtype)
        if held := site.of(*question):
            found.setdefault(entry(question, held), (question, float(held.ttl)))
    return list(found.values())


def _address(cache: int) -> str:
    return f"10.{cache >> 16 & 255}.{cache >> 8 & 255}.{cache & 255}"


def write(queries: Iterable[Query], path: Path) -> int:
    """Write ``queries`` as CSV in order of time, compressed if ``path`` says so; count them."""
    ordered = sorted(queries)
    with _opened(path) as file:
        file.write(",".join(CSV_HEAD) + "\n")
        file.writelines(f"{q.when:.3f},{q.source},{q.name},{q.rtype}\n" for q in ordered)
    return len(ordered)


def _opened(path: Path) -> TextIO:
    if path.suffix == _GZIP:
        return gzip.open(path, "wt", encoding="utf-8")
    return path.open("w", encoding="utf-8")
