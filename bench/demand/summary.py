"""An estimated demand as dnsd reads it: caches that are asked alike, in groups, for each RRset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dnsd.ttladvice.demand import Caches, RRsetDemand

if TYPE_CHECKING:
    from bench.demand.daily import Course
    from bench.demand.estimate import Demand
    from bench.demand.rows import Rows
    from bench.ttl.demand import Floats, Indices

PER_OCTAVE = 4
"""Groups for each doubling of the rate: a price is wrong by less than 0.4 % for it."""


def asked(rows: Rows, demand: Demand, course: Course, chosen: Indices) -> tuple[RRsetDemand, ...]:
    """Return the demand of the ``chosen`` rows."""
    of_pair = rows.row[demand.rrsets]
    return tuple(
        RRsetDemand(
            rows.rows[row].name,
            rows.rows[row].type,
            rows.rows[row].kind,
            rows.rows[row].ttl,
            groups(demand.rates[pairs], demand.caches[pairs]),
            course.levels,
            course.peak,
        )
        for row in chosen.tolist()
        if (pairs := np.flatnonzero(of_pair == row)).size
    )


def groups(rates: Floats, caches: Floats | None = None) -> tuple[Caches, ...]:
    """Return caches that are asked alike; of each pair there are so many ``caches``, or one.

    Lookups stay as many; ``sources`` are so many as make the same variance when resampled.
    """
    counts = np.ones(rates.size) if caches is None else caches
    there = rates > 0
    rates, counts = rates[there], counts[there]
    if not rates.size:
        return ()
    bins = np.floor(np.log2(rates) * PER_OCTAVE).astype(np.int64)
    bins -= bins.min()
    total = np.bincount(bins, counts)
    lookups, squares = np.bincount(bins, counts * rates), np.bincount(bins, counts**2)
    return tuple(
        Caches(
            float(total[at]), float(lookups[at] / total[at]), float(total[at] ** 2 / squares[at])
        )
        for at in np.flatnonzero(total)
    )
