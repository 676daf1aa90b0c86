"""What users saw: from the lines that they have written to figures. Pure.

Times of visits are seconds after the first thing that happened; before it they are negative.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Visit(NamedTuple):
    """One user: when it came, how long DNS and HTTP took (ms), how it ended.

    ``outcome`` is "ok", "dns" (no address), "refused", "timeout" or "broken". ``server`` is the
    service that has answered, ``seen`` whether it has seen the user's own address.
    """

    at: float
    dns_ms: float
    http_ms: float
    outcome: str
    address: str
    ttl: int
    server: str
    seen: bool


def parse(lines: Iterable[str], zero_ns: int) -> list[Visit]:
    """Read the lines, of which the last one may be cut, in the order in which users came."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) == 8:
            start, dns, http, outcome, address, ttl, server, seen = words
            times = (int(start) - zero_ns) / 1e9, int(dns) / 1e3, int(http) / 1e3
            found.append(Visit(*times, outcome, address, int(ttl), server, seen == "yes"))
    return sorted(found)


class Seconds(NamedTuple):
    """Users and those that failed, for each second from ``first`` on."""

    first: int
    sent: list[int]
    failed: list[int]


def seconds(visits: Sequence[Visit], calm: int, until: float) -> Seconds:
    """Count visits by second, from ``calm`` seconds before the first thing that happened."""
    count = calm + math.ceil(until)
    sent, failed = [0] * count, [0] * count
    for visit in visits:
        place = math.floor(visit.at) + calm
        if 0 <= place < count:
            sent[place] += 1
            failed[place] += visit.outcome != "ok"
    return Seconds(-calm, sent, failed)


class Loss(NamedTuple):
    """What users lost: how many failed of how many, and for how long.

    ``mean_s``: the seconds for which an average user was without the service (the sum over all
    seconds of the share that failed). ``last_s``: until when somebody failed.
    """

    sent: int
    failed: int
    mean_s: float
    last_s: float


def loss(visits: Iterable[Visit], since: float, until: float) -> Loss:
    """Sum up the visits from ``since`` until before ``until``."""
    within = [visit for visit in visits if since <= visit.at < until]
    bad = [visit for visit in within if visit.outcome != "ok"]
    rate = len(within) / (until - since) if within else 1.0
    last = max((visit.at for visit in bad), default=since)
    return Loss(len(within), len(bad), len(bad) / rate, last - since)


def outcomes(visits: Iterable[Visit]) -> dict[str, int]:
    """Return how many have failed in which way."""
    found: dict[str, int] = {}
    for visit in visits:
        if visit.outcome != "ok":
            found[visit.outcome] = found.get(visit.outcome, 0) + 1
    return dict(sorted(found.items()))


class Latency(NamedTuple):
    """Milliseconds of those that were served: HTTP alone, with DNS; the median and 95 % of each."""

    http: float
    http95: float
    whole: float
    whole95: float


def latency(visits: Iterable[Visit]) -> Latency | None:
    """Return how long the successful visits took; None if there are none."""
    well = [visit for visit in visits if visit.outcome == "ok"]
    if not well:
        return None
    http = sorted(visit.http_ms for visit in well)
    whole = sorted(visit.http_ms + visit.dns_ms for visit in well)
    return Latency(*_figures(http), *_figures(whole))


def _figures(values: list[float]) -> tuple[float, float]:
    high = values[min(len(values) - 1, math.ceil(0.95 * len(values)) - 1)]
    return round(statistics.median(values), 3), round(high, 3)


def seen(visits: Iterable[Visit]) -> float:
    """Return the share of the successful visits in which the service saw the user's address."""
    well = [visit for visit in visits if visit.outcome == "ok"]
    return sum(visit.seen for visit in well) / len(well) if well else 0.0


def servers(visits: Iterable[Visit]) -> list[str]:
    """Return which services have answered, in the order in which users first met them."""
    return list(dict.fromkeys(visit.server for visit in visits if visit.outcome == "ok"))
