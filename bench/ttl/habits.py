"""What is documented of each resolver's TTLs, tried: each is asked for some names all the time.

How long it asks nothing after it has asked, with TTLs of 0, 3 and 10 s, from the least to the
most over all phases of a second; which TTL it gives out at most; whether it gives out what is over
when the server is cut off (RFC 8767), and never what was not to be held.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import uvloop

from bench.ttl.names import Played, RRset
from bench.ttl.results import Habit
from bench.ttl.site import Lookup, questions, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.ttl.caches import Cache
    from bench.ttl.resolvers import Resolver
    from bench.ttl.site import Asked, Authority, Observed

GROUPS = 900
"""The first number of these groups: no measurement has as many."""
PHASES = 8
STEP_S = 0.1
SLACK_S = 0.25
"""A lookup comes each STEP_S, a round trip takes some ms, and the machine may be busy."""
MOST = 30 * 86_400
CUT_S = 13.0
"""When the server is cut off: what is then asked for has been over for long."""


class _Held(NamedTuple):
    """A TTL that is tried, and the seconds in which lookups come."""

    ttl: int
    begin: float
    end: float


HELD = (_Held(0, 0.25, 6.5), _Held(3, 2.0, 6.5), _Held(10, 7.5, 11.5))
_MOST, _STALE, _NEVER = (GROUPS + len(HELD) + number for number in range(3))


def find(
    kinds: Sequence[str],
    server: Authority,
    trip: float,
    home: Path,
    reach: Callable[[float], None],
    problems: dict[str, str],
) -> list[Habit]:
    """Try all that is documented of ``kinds``; say in ``problems`` which cannot be started."""
    return uvloop.run(_find(kinds, server, trip, home, reach, problems))


async def _find(
    kinds: Sequence[str],
    server: Authority,
    trip: float,
    home: Path,
    reach: Callable[[float], None],
    problems: dict[str, str],
) -> list[Habit]:
    async with site(kinds, server, trip, home, problems) as found:
        for index, held in enumerate(HELD):
            found.ways.sets[GROUPS + index] = held.ttl
        found.ways.sets |= {_MOST: MOST, _STALE: 1, _NEVER: 0}
        lookups = [each for number in found.running for each in schedule(number, server.proof)]
        seen = await found.play(lookups, CUT_S, reach)
        return [
            habit
            for number in found.running
            for habit in habits(found.kinds[number], number, seen, trip)
        ]


def schedule(resolver: int, rrset: RRset) -> list[Lookup]:
    """Return what one resolver is asked."""
    found = []
    for index, held in enumerate(HELD):
        for phase in range(PHASES):
            begin = phase / PHASES
            after = np.arange(held.begin, held.end, STEP_S) + begin
            for when in [begin, *after.tolist()]:
                found.append(Lookup(when, resolver, Played(GROUPS + index, phase), rrset))
    found += [Lookup(at, resolver, Played(_MOST, 0), rrset) for at in (0.5, 1.5)]
    for group in (_STALE, _NEVER):
        found += [Lookup(at, resolver, Played(group, 0), rrset) for at in (5.0, CUT_S + 1)]
    return sorted(found)


def habits(kind: Resolver, resolver: int, seen: Observed, trip: float) -> Iterator[Habit]:
    """Yield what was found of one resolver."""
    cache, asks = replace(kind.cache, trip=trip), questions(seen)
    for index, held in enumerate(HELD):
        yield _held(kind.name, held.ttl, list(_gaps(seen, asks, resolver, index, cache)))
    answers = {
        (each.played.group, each.when > CUT_S): answer.ttl
        for each, answer in zip(seen.lookups, seen.answers, strict=True)
        if each.resolver == resolver and each.played.group >= _MOST
    }
    given = answers[_MOST, False] or 0
    most = round(min(cache.cap, MOST))
    yield _habit(
        kind.name, "longest TTL", f"{most:,} s", f"{given or 0:,} s", abs((given or 0) - most) <= 2
    )
    for group, ttl in ((_STALE, 1), (_NEVER, 0)):
        stale = answers[group, True]
        wanted = cache.stale_for(ttl) > 0
        what = f"TTL {ttl} s that is over, no server"
        found = "none" if stale is None else f"stale, TTL {stale} s"
        agrees = (stale is not None) == wanted
        yield _habit(kind.name, what, "stale" if wanted else "none", found, agrees)


def _gaps(
    seen: Observed,
    asks: dict[tuple[int, Played], list[Asked]],
    resolver: int,
    index: int,
    cache: Cache,
) -> Iterator[tuple[float, float]]:
    """Yield, for each phase, how long a resolver asked nothing, and how long it should have."""
    held = HELD[index]
    for phase in range(PHASES):
        played = Played(GROUPS + index, phase)
        passed = [each.when for each in asks[resolver, played] if not each.repeated]
        times = np.array(
            [
                answer.sent
                for each, answer in zip(seen.lookups, seen.answers, strict=True)
                if each.resolver == resolver and each.played == played
            ]
        )
        later = times[1:][times[1:] >= cache.again(times[:1], held.ttl)[0]]
        documented = float(later[0] - times[0]) if later.size else held.end
        yield (passed[1] - passed[0] if len(passed) > 1 else held.end, documented)


def _held(kind: str, ttl: int, gaps: list[tuple[float, float]]) -> Habit:
    # Which of two lookups next to a whole second comes first is chance.
    agrees = sum(abs(found - wanted) <= SLACK_S for found, wanted in gaps) >= len(gaps) - 1
    found, wanted = zip(*gaps, strict=True)
    what = f"TTL {ttl} s: asks nothing for"
    return _habit(kind, what, _range(wanted), _range(found), agrees)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f} s"


def _habit(kind: str, what: str, documented: str, found: str, agrees: bool) -> Habit:
    return Habit(kind=kind, what=what, documented=documented, found=found, agrees=agrees)
