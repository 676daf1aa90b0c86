"""An operator's own resolver, wherever it is: what it asks is seen in the TTLs of its answers.

Nothing of ours is between it and the server. An answer with TTL t that comes at time s is over at
s + t; if that is later than it was before, it has been asked for again. Several caches behind one
address give out several ends at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import uvloop

from bench.ttl import model
from bench.ttl.asking import Address, Answer, Ask, ask
from bench.ttl.demand import Day, arrivals
from bench.ttl.names import question
from bench.ttl.results import Own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.ttl.demand import Floats
    from bench.ttl.groups import Demand
    from bench.ttl.names import RRset

SLACK_S = 1.5
"""TTLs are whole seconds: ends of one answer differ by as much."""


class Names(NamedTuple):
    """What is asked: ``rates`` lookups a second of each of ``rrsets``, and their TTLs."""

    rrsets: list[RRset]
    rates: Floats
    ttls: Sequence[int]


def measure(
    address: Address, names: Names, seconds: float, seed: int, reach: Callable[[float], None]
) -> Own:
    """Ask a resolver at ``address`` for ``seconds``."""
    rng = np.random.default_rng([seed, 7])
    asks = []
    for some in arrivals(names.rates, seconds, Day(), rng):
        asks += [
            (when, pair)
            for pair, when in zip(some.pairs.tolist(), some.times.tolist(), strict=True)
        ]
    asks.sort()
    queries = [question(rrset) for rrset in names.rrsets]
    answers = uvloop.run(ask([Ask(when, address, queries[pair]) for when, pair in asks], reach))
    return result(address, names, seconds, [pair for _, pair in asks], answers)


def result(
    address: Address,
    names: Names,
    seconds: float,
    pairs: Sequence[int],
    answers: Sequence[Answer],
) -> Own:
    """Return what the answers show."""
    asked, documented, caches = 0, 0, 1
    for number, ttl in enumerate(names.ttls):
        theirs = [
            answer
            for pair, answer in zip(pairs, answers, strict=True)
            if pair == number and answer.ttl is not None
        ]
        ends = _ends(theirs, ttl)
        caches = max(caches, _most_at_once(ends, ttl))
        asked += len(ends)
        documented += _ideal(theirs, ttl)
    sent = [answer.sent for answer in answers]
    return Own(
        address=f"{address[0]}:{address[1]}",
        seconds=seconds,
        lookups=len(answers),
        lost=sum(answer.ttl is None for answer in answers),
        asks=asked,
        documented=documented,
        expected=sum(
            model.expected(names.rates[number : number + 1], ttl)
            for number, ttl in enumerate(names.ttls)
        ),
        caches=caches,
        late=max(sent) - min(sent) - seconds if sent else 0.0,
    )


def _ends(answers: Sequence[Answer], ttl: float) -> list[tuple[float, float]]:
    """Return when each answer that was held is over, and when it was first given out.

    The first of all is what was held before: it has not been asked for.
    """
    found: list[tuple[float, float]] = []
    for answer in answers:
        end = answer.sent + float(answer.ttl or 0)
        if not ttl or all(abs(end - known) > SLACK_S for known, _ in found):
            found.append((end, answer.sent))
    return found[1:]


def _most_at_once(ends: Sequence[tuple[float, float]], ttl: float) -> int:
    """Return how many answers were held at once."""
    if ttl <= 2 * SLACK_S:
        return 1
    return max(
        (sum(begin <= when < end - SLACK_S for end, begin in ends) for _, when in ends), default=1
    )


def _ideal(answers: Sequence[Answer], ttl: float) -> int:
    """Return how often one cache asks that holds at first what this one held."""
    until, asks = None, 0
    for answer in answers:
        if until is None:
            until = answer.sent + float(answer.ttl or 0)
        elif answer.sent >= until:
            until, asks = answer.sent + ttl, asks + 1
    return asks


def of_demand(demand: Demand, ttls: Sequence[int]) -> Names:
    """Return what one resolver is asked for all of ``demand``; ``ttls`` are those of its RRsets."""
    rates = np.bincount(demand.names, demand.rates, minlength=len(demand.rrsets))
    asked = np.flatnonzero(rates)
    return Names(
        [demand.rrsets[number] for number in asked.tolist()],
        np.array(rates[asked], dtype=np.float64),
        [ttls[number] for number in asked.tolist()],
    )
