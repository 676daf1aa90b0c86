"""The demand behind what caches ask: λ of each pair of a cache and an RRset. Pure.

A cache that holds answers for T asks, then cannot ask for T, then asks with the next lookup. So
of a window W it can ask in W - nT only, and n questions in that time make λ = n / (W - nT). In
all, that is unbiased also for what is asked seldom or never in W.

Behind one address there may be several caches (a farm of resolvers): they show themselves by asking
again long before T has passed. They are taken to share the demand of their address evenly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from bench.demand.log import Log
    from bench.ttl.demand import Floats, Indices

HELD = 0.8
"""Within this share of T one cache does not ask twice, even if it prefetches."""
USUAL = 0.95
"""The quantile of the questions within HELD · T that counts as the number of caches: a question
that was repeated, because its answer was lost, is no second cache."""
SURE = 3.0
"""With less than so many lifetimes of idle time the rate is hardly more than a lower bound."""
_TINY = 1e-9
LEAST_LIFETIMES = 2.0
"""A log must last for so many TTLs to say anything of an RRset with that TTL."""


class Demand(NamedTuple):
    """Pairs with a demand of ``rates`` lookups a second at each of ``caches`` caches.

    ``sources`` and ``rrsets`` are the log's indices; ``ttls`` the TTL with which it was observed,
    at which all caches of a pair made ``asks`` queries a second.
    ``saturated`` pairs ask nearly as often as the TTL lets them: their rate may be much larger.
    """

    rates: Floats
    caches: Floats
    sources: Indices
    rrsets: Indices
    ttls: Floats
    saturated: Indices
    asks: Floats


def estimate(log: Log, ttls: Floats) -> Demand:
    """Return the demand behind ``log``; ``ttls`` has the TTL of each of its RRsets, in seconds."""
    of_pair = ttls[log.rrsets]
    counts = np.bincount(log.pairs, minlength=log.rrsets.size).astype(np.float64)
    caches = _caches(log, of_pair)[log.sources]
    each = counts / caches
    # What is asked more seldom than its caches are many is asked by some of them only.
    idle = log.seconds - each * of_pair
    saturated = np.flatnonzero(idle < SURE * of_pair)
    # The ends of the log may cut a lifetime off, so less than one of them is no idle time.
    idle = np.maximum(idle, np.maximum(of_pair, log.seconds * _TINY))
    return Demand(
        each / idle, caches, log.sources, log.rrsets, of_pair, saturated, counts / log.seconds
    )


def _caches(log: Log, ttls: Floats) -> Floats:
    """Return how many caches are behind each source: the most that any of its pairs shows."""
    found = np.ones(len(log.addresses))
    of_query = ttls[log.pairs] * HELD
    # All pairs on one line of time, further apart than any TTL.
    span = log.seconds + float(of_query.max(initial=0.0)) + 1.0
    line = log.pairs * span + (log.times - log.begin)
    within = np.searchsorted(line, line + of_query) - np.arange(line.size)
    counts = np.bincount(log.pairs, minlength=log.rrsets.size)
    usual = np.cumsum(counts) - counts + np.floor(USUAL * (counts - 1)).astype(np.int64)
    shown = within[np.lexsort((within, log.pairs))][usual]
    np.maximum.at(found, log.sources, shown)
    return found
