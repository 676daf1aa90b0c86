"""The demand behind a sample of pairs that a node has counted (``[demand]``). Pure.

A pair is a source and an RRset. A cache that holds answers for T asks, then cannot ask for T, then
asks with the next lookup: n questions in the time W make λ = n / (W - nT). Behind one source there
may be several caches; they show themselves by asking again before T has passed. A pair that was
kept with the chance p stands for 1/p pairs. Rates are per second, times in seconds.
"""

from __future__ import annotations

from collections import defaultdict
from math import ceil, floor, log, log2
from typing import TYPE_CHECKING, Literal, NamedTuple

from dnsd.failover.price import miss_rate
from dnsd.ttladvice.demand import Caches, RRsetDemand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HELD = 0.8
"""Within this share of T one cache does not ask twice, even if it prefetches."""
REPEATED = 0.02
"""The share of questions repeated after a lost answer: they do not show a second cache."""
UNLIKELY = 1e-4
"""The lowest probability of a pause: a question may be repeated after any time."""
NUMBERS: tuple[int, ...] = (
    *range(1, 33),
    *(round(32.0 * 2.0 ** (step / 8)) for step in range(1, 65)),
)
"""The numbers of caches behind a source that are distinguished."""
BUSY, BUSY_MOST = 0.9, 8
"""So many caches at most, which ask all the time but for a tenth, are taken for what they are."""
TOLD_BY = 8
"""How many pairs of a source, the busiest, are used to estimate its caches."""
SURE = 3.0
"""With less than so many lifetimes of idle time a rate is hardly more than a lower bound."""
PER_OCTAVE = 4
"""Groups of caches for each doubling of their rate."""
HOUR_S = 3600.0
LEAST_OF_HOUR = 0.5
"""The share of an hour of the day that must have been seen for it to count."""
_STEPS = 40


class WorkerCount(NamedTuple):
    """What one worker saw of a pair: queries, and how many came less than 2, 4, 8 … s apart.

    The class ``gaps[n]`` has pauses from 2ⁿ (the first one from 0) to less than 2ⁿ⁺¹ seconds.
    """

    queries: int
    gaps: tuple[int, ...]


class Counted(NamedTuple):
    """A pair: what ``source`` asks of an RRset that is held for ``ttl``, kept with ``share``.

    Of kind "negative", ``name`` is the zone that says that there is nothing.
    """

    source: str
    name: str
    type: str
    kind: Literal["data", "negative"]
    ttl: float
    share: float
    parts: tuple[WorkerCount, ...]

    @property
    def queries(self) -> int:
        """Its queries, of all workers."""
        return sum(part.queries for part in self.parts)


class Day(NamedTuple):
    """What was asked by hours of the day (UTC): queries, and seconds of each that were seen."""

    queries: tuple[int, ...]
    seconds: tuple[float, ...]


def seen(began: float, seconds: float) -> tuple[float, ...]:
    """Return how much of each hour of the day a time has that began at ``began`` (POSIX)."""
    found = [0.0] * 24
    at, end = began, began + seconds
    while at < end:
        hour = floor(at / HOUR_S)
        until = min(end, (hour + 1) * HOUR_S)
        found[hour % 24] += until - at
        at = until
    return tuple(found)


def demand(pairs: Sequence[Counted], seconds: float, day: Day) -> tuple[RRsetDemand, ...]:
    """Return what caches look up of each RRset; ``pairs`` were counted for ``seconds``."""
    caches = caches_behind(pairs, seconds)
    by_rrset: dict[tuple[str, str, str], list[Counted]] = defaultdict(list)
    for pair in pairs:
        by_rrset[pair.name, pair.type, pair.kind].append(pair)
    found = [
        RRsetDemand(
            name=some[0].name,
            type=some[0].type,
            kind=some[0].kind,
            ttl=_ttl(some),
            caches=_groups(some, caches, seconds),
        )
        for _, some in sorted(by_rrset.items())
    ]
    levels = course(found, day)
    return tuple(
        RRsetDemand(one.name, one.type, one.kind, one.ttl, one.caches, levels) for one in found
    )


def _ttl(pairs: Iterable[Counted]) -> float:
    """Return the TTL that most of the queries were answered with."""
    queries: dict[float, float] = defaultdict(float)
    for pair in pairs:
        queries[pair.ttl] += pair.queries / pair.share
    return max(queries, key=lambda ttl: (queries[ttl], ttl))


def rate(queries: float, seconds: float, ttl: float) -> float:
    """Return the lookups of a cache that has asked ``queries`` times in ``seconds``.

    One that asks nearly as often as the TTL lets it may be asked much more often than this.
    """
    # The ends may cut a lifetime off, so less than one of them is no idle time.
    return queries / max(seconds - queries * ttl, min(ttl, seconds), 1e-9)


def saturated(pairs: Iterable[Counted], seconds: float) -> float:
    """Return the share of queries of pairs that ask nearly as often as the TTL lets them.

    One cache that is asked all the time cannot be told from many, nor they from a client without a
    cache: what such pairs would ask with another TTL is uncertain.
    """
    pairs = list(pairs)
    caches = caches_behind(pairs, seconds)
    queries = sum(pair.queries / pair.share for pair in pairs)
    some = sum(
        pair.queries / pair.share
        for pair in pairs
        if seconds - pair.queries / caches[pair.source] * pair.ttl < SURE * pair.ttl
    )
    return some / queries if queries else 0.0


def _groups(pairs: Iterable[Counted], caches: dict[str, int], seconds: float) -> tuple[Caches, ...]:
    groups: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for pair in pairs:
        behind = max(1, min(caches[pair.source], pair.queries))
        each = rate(pair.queries / behind, seconds, pair.ttl)
        groups[floor(PER_OCTAVE * log2(each))].append((behind / pair.share, each))
    return tuple(_group(some) for _, some in sorted(groups.items()))


def _group(some: Sequence[tuple[float, float]]) -> Caches:
    count = sum(caches for caches, _ in some)
    lookups = sum(caches * each for caches, each in some)
    return Caches(count, lookups / count, count**2 / sum(caches**2 for caches, _ in some))


# -- several caches behind one source --------------------------------------------------------------


def caches_behind(pairs: Iterable[Counted], seconds: float) -> dict[str, int]:
    """Return how many caches are behind each source, from the pauses between its questions.

    If c caches share what a source asks, each of them has asked in a time h less than T with the
    chance h·n/(W·c); so a question has none in the time h before it with (1 - h·n/(W·c))^(c-1). A
    worker sees its part of both. It is the likeliest number.
    """
    by_source: dict[str, list[Counted]] = defaultdict(list)
    for pair in pairs:
        by_source[pair.source].append(pair)
    return {source: _caches(some, seconds) for source, some in by_source.items()}


def _caches(pairs: Sequence[Counted], seconds: float) -> int:
    told = [(pair, held) for pair in pairs if (held := _classes(pair.ttl))]
    told = sorted(told, key=lambda one: -one[0].queries)[:TOLD_BY]
    asked = sum(pair.queries for pair, _ in told)
    early = sum(sum(part.gaps[:held]) for pair, held in told for part in pair.parts)
    if early <= max(1.0, REPEATED * asked):
        return 1
    least = max(pair.queries * pair.ttl / (seconds + pair.ttl) for pair, _ in told)
    if ceil(least) <= BUSY_MOST and least >= BUSY * ceil(least):
        return ceil(least)  # they ask in a fixed order: pauses show no more
    tried = [count for count in NUMBERS if count >= least] or [NUMBERS[-1]]
    likely = {
        count: sum(_likelihood(pair, held, count, seconds) for pair, held in told)
        for count in tried
    }
    return max(tried, key=lambda count: likely[count])


def _classes(ttl: float) -> int:
    """Return how many classes of pauses are within HELD · ``ttl``."""
    return max(0, int(HELD * ttl).bit_length() - 1)


def _likelihood(pair: Counted, held: int, caches: int, seconds: float) -> float:
    """Return the logarithm of the chance of the pauses of ``pair`` with so many ``caches``."""
    found = 0.0
    for part in pair.parts:
        each = part.queries / seconds / caches
        before, rest = 1.0, part.queries
        for at in range(held):
            # Times are whole seconds, so half of a pause of just 2 s is taken for a longer one.
            after = max(0.0, 1 - (2 ** (at + 1) - 0.5) * each) ** (caches - 1)
            found += part.gaps[at] * _log(before - after)
            before, rest = after, rest - part.gaps[at]
        found += rest * _log(before)
    return found


def _log(chance: float) -> float:
    return log(max(chance, UNLIKELY))


# -- the course of a day ---------------------------------------------------------------------------


def course(found: Sequence[RRsetDemand], day: Day) -> tuple[float, ...]:
    """Return what is looked up in each hour of the day, as multiples of the mean.

    Queries grow less than lookups where caches hold answers, so the level is found at which the
    caches ask as often as they did. Only one level, 1, if not all hours were seen.
    """
    if min(day.seconds) < LEAST_OF_HOUR * HOUR_S or not sum(day.queries):
        return (1.0,)
    groups = [(group, one.ttl) for one in found for group in one.caches]

    def asked(level: float) -> float:
        return sum(group.count * miss_rate(group.rate * level, ttl) for group, ttl in groups)

    usual = sum(day.queries) / sum(day.seconds)
    scale = asked(1.0) / usual
    rates = [count / seconds for count, seconds in zip(day.queries, day.seconds, strict=True)]
    return tuple(_level(asked, one * scale) for one in rates)


def _level(asked: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    while asked(high) < wanted and high < 1e6:
        low, high = high, high * 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if asked(middle) < wanted else (low, middle)
    return high
