"""A log as what a plan is made from: the demand behind it, and the rate that was seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import dns.exception
import dns.name
import dns.rdatatype
import numpy as np

from bench.demand.curve import Curve, peak
from bench.demand.estimate import LEAST_LIFETIMES, estimate
from bench.demand.reading import LEAST
from bench.plan.source import Measured
from bench.study.errors import StudyError
from dnsd.failover.price import Forecast

if TYPE_CHECKING:
    from bench.demand.estimate import Demand
    from bench.demand.log import Log, RRset
    from bench.queries.zone import AskedZone
    from bench.ttl.demand import Floats


class Logged(NamedTuple):
    """The demand of a log: prices are those of the daily peak, with a band of 95 %."""

    curve: Curve
    words: str
    measured: list[Measured]

    def price(self, ttl: float) -> Forecast:
        """Return the queries per second with ``ttl`` in the busiest hour, and the band's ends."""
        rate = self.curve.at_peak(ttl)
        return Forecast(rate.low, rate.mean, rate.high)


def of_log(log: Log, ttls: Floats, name: str) -> Logged:
    """Return the demand of ``log``, read from ``name``; ``ttls`` are those of its RRsets."""
    known = ~np.isnan(ttls)
    dropped = log.times.size
    log, ttls = log.only(known), ttls[known]
    dropped -= log.times.size
    if log.times.size < LEAST:
        raise StudyError(f"{name} has {log.times.size} queries for data of the zone: too few")
    longest = float(ttls.max())
    if log.seconds < LEAST_LIFETIMES * longest:
        raise StudyError(
            f"{name} lasts {log.seconds:.0f} s, too short for a TTL of {longest:.0f} s:"
            f" {LEAST_LIFETIMES * longest:.0f} s are needed"
        )
    demand = estimate(log, ttls)
    curve = Curve(demand, peak(log, demand))
    rate = log.times.size / log.seconds
    usual = float(np.average(ttls[log.rrsets], weights=np.bincount(log.pairs)))
    words = _words(log, demand, curve, name)
    if dropped:
        words += f"; {dropped:,} more queries were for no data of the zone, and are not counted"
    return Logged(curve, words, [Measured(usual, rate)])


def _words(log: Log, demand: Demand, curve: Curve, name: str) -> str:
    many = int((demand.caches > 1).sum())
    sentences = [
        f"{log.times.size:,} queries of {name} in {log.seconds / 3600:,.1f} h from"
        f" {len(log.addresses):,} addresses for {len(log.asked):,} RRsets, behind which"
        f" {demand.rates @ demand.caches:,.4g} lookups/s are estimated",
        f"at the daily peak {curve.peak:.2f} times as many" if curve.peak > 1 else "no daily peak",
    ]
    if many:
        sentences.append(f"{many:,} pairs have several caches behind one address")
    if demand.saturated.size:
        share = demand.saturated.size / demand.rates.size
        sentences.append(
            f"{share:.1%} of the pairs ask as often as their TTL lets them, so what shorter TTLs"
            " cost is uncertain"
        )
    return "; ".join(sentences)


def ttls_of(log: Log, zone: AskedZone) -> Floats:
    """Return the TTLs with which caches hold what was asked for, by RRset.

    That is the least TTL on the way of aliases to the data. It is not a number where the zone has
    no data: the TTL of what does not exist, or is delegated, is another one's.
    """
    return np.array([_ttl(rrset, zone) for rrset in log.asked], dtype=np.float64)


def _ttl(rrset: RRset, zone: AskedZone) -> float:
    try:
        name = dns.name.from_text(rrset.name)
        answer = zone.answer(name, dns.rdatatype.from_text(rrset.rtype))
    except (ValueError, dns.exception.DNSException):
        return math.nan  # no name of this zone, or no type
    return float(min((found.ttl for found in answer.answer), default=math.nan))
