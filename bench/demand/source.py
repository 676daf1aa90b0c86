"""A log as what a plan is made from: the demand behind it, and the rate that was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.demand.curve import Curve
from bench.demand.daily import daily
from bench.demand.estimate import LEAST_LIFETIMES, estimate
from bench.demand.reading import LEAST
from bench.demand.summary import asked, groups
from bench.plan.source import Measured
from bench.study.errors import StudyError
from dnsd.ttladvice.demand import DemandFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.demand.estimate import Demand
    from bench.demand.rows import Rows
    from dnsd.failover.price import Forecast
    from dnsd.ttladvice.demand import Caches


class Logged(NamedTuple):
    """The demand of a log, with a band of 95 %: what it costs if some of its rows get a TTL.

    ``seen``: queries per second for each entry of the log.
    """

    curve: Curve
    words: str
    measured: list[Measured]
    users: tuple[Caches, ...]
    summary: DemandFile
    seen: dict[tuple[str, str], float]

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl`` in the mean."""
        return self.curve.mean(ttl)

    def at_peak(self, ttl: float) -> Forecast:
        """Return the same for the busiest hour."""
        return self.curve.at_peak(ttl)


def of_log(rows: Rows, name: str, wanted: NDArray[np.bool_] | None = None) -> Logged:
    """Return the demand of a log that was read from ``name``; ``wanted`` rows get another TTL.

    All that the log is long enough for do, if none are chosen.
    """
    log = rows.log
    if log.times.size < LEAST:
        raise StudyError(f"{name} has {log.times.size} queries for data of the zone: too few")
    enough = np.array([LEAST_LIFETIMES * held.ttl <= log.seconds for held in rows.rows], dtype=bool)
    chosen = enough if wanted is None else wanted
    if not chosen.any() or not enough[chosen].all():
        longest = max(
            held.ttl for held, moves in zip(rows.rows, chosen | ~enough, strict=True) if moves
        )
        raise StudyError(
            f"{name} lasts {log.seconds:.0f} s, too short for a TTL of {longest:.0f} s:"
            f" {LEAST_LIFETIMES * longest:.0f} s are needed"
        )
    demand, course = daily(log, estimate(log, rows.ttls))
    moved = chosen[rows.row][demand.rrsets]
    curve = Curve(demand, course, moved)
    words = _words(rows, demand, curve, name)
    if short := int((~enough).sum()):
        words += f"; it is too short to tell the demand for {short:,} RRsets with long TTLs"
    seen = np.bincount(demand.rrsets, demand.asks, minlength=len(log.asked))
    return Logged(
        curve,
        words,
        [_measured(rows, demand, moved)],
        groups(demand.rates[moved], demand.caches[moved]),
        DemandFile(words=words, rrsets=asked(rows, demand, curve.course, np.flatnonzero(enough))),
        {(*one,): float(rate) for one, rate in zip(log.asked, seen, strict=True)},
    )


def _measured(rows: Rows, demand: Demand, moved: NDArray[np.bool_]) -> Measured:
    """Return the rate of all that was seen, at the TTL that is usual among ``moved`` pairs."""
    usual = np.average(demand.ttls[moved], weights=demand.asks[moved])
    return Measured(float(usual), rows.log.times.size / rows.log.seconds)


def _words(rows: Rows, demand: Demand, curve: Curve, name: str) -> str:
    log, peak = rows.log, curve.course.peak
    many = int((demand.caches > 1).sum())
    sentences = [
        f"{log.times.size:,} queries of {name} in {log.seconds / 3600:,.1f} h from"
        f" {len(log.addresses):,} addresses for {len(rows.rows):,} RRsets, behind which"
        f" {demand.rates @ demand.caches:,.4g} lookups/s are estimated",
        f"at the daily peak {peak:.2f} times as many" if peak > 1 else "no daily peak",
    ]
    if many:
        sentences.append(f"{many:,} pairs have several caches behind one address")
    if demand.saturated.size:
        share = demand.saturated.size / demand.rates.size
        sentences.append(
            f"{share:.1%} of the pairs ask as often as their TTL lets them, so what shorter TTLs"
            " cost is uncertain"
        )
    if rows.dropped:
        sentences.append(
            f"{rows.dropped:,} more queries were for no data of the zone, and are not counted"
        )
    return "; ".join(sentences)
