"""Which networks the workers limit: for ``dnsd status``, for metrics, and for the log.

Reads the rows of :mod:`dnsd.image.buckets`; how many networks are shown or told is bounded,
whatever clients do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dnsd.image import buckets
from dnsd.metrics.counters import KINDS
from dnsd.process import log
from dnsd.process.events import Told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.image.buckets import Limited
    from dnsd.image.state import StateVector
    from dnsd.process.events import Fields

MOST_SHOWN = 16
"""Networks shown, those with the most answers withheld."""
MOST_TOLD = 5
"""Networks of which the log tells within a minute that they are limited."""
MINUTE = 60.0
LOOK = 1.0
"""Seconds between two looks for what is to be told."""


def found(vector: StateVector, now: float) -> list[Limited]:
    """Return the networks that are limited, most answers withheld first; ``now`` is monotonic."""
    tables = [vector.limited(index) for index in range(vector.workers)]
    return buckets.limited(tables, now)[:MOST_SHOWN]


def kinds(one: Limited) -> list[str]:
    """Return the kinds of answers withheld from ``one``."""
    return [kind for number, kind in enumerate(KINDS) if one.kinds >> number & 1]


def snapshot(vector: StateVector) -> list[dict[str, Any]]:
    """Return the networks that are limited as plain values; durations in seconds."""
    now = time.monotonic()
    return [
        {
            "network": one.prefix,
            "kinds": kinds(one),
            "withheld": one.withheld,
            "for": now - one.since,
            "last": max(0.0, now - one.last),
        }
        for one in found(vector, now)
    ]


class Teller:
    """Decides what the log says: when a network begins to be limited, and when it is over."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._told: dict[str, Limited] = {}
        self._minute = float("-inf")
        self._left = 0
        self._untold = 0

    def look(self, now: float, current: Sequence[Limited]) -> Iterator[Told]:
        """Yield what has changed since the last look."""
        if now - self._minute >= MINUTE:
            if self._untold:
                more = f"{self._untold} more networks were limited in the last minute"
                yield Told("network-limited", f"rate limit: {more}", {})
            self._minute, self._left, self._untold = now, MOST_TOLD, 0
        for one in current:
            if one.prefix in self._told:
                self._told[one.prefix] = one
            elif one.prefix not in self._seen and self._left:
                self._left -= 1
                self._told[one.prefix] = one
                told = f"answers to {one.prefix} are withheld ({', '.join(kinds(one))})"
                about: Fields = {"network": one.prefix}
                yield Told("network-limited", f"rate limit: {told}", about)
            elif one.prefix not in self._seen:
                self._untold += 1
        self._seen = {one.prefix for one in current}
        for prefix in [prefix for prefix in self._told if prefix not in self._seen]:
            one = self._told.pop(prefix)
            told = (
                f"rate limit: answers to {prefix} are not withheld any more; "
                f"{one.withheld} were, within {one.last - one.since + 1} s"
            )
            yield Told("network-unlimited", told, {"network": prefix})


async def tell(vector: StateVector) -> None:
    """Tell in the log which networks are limited, for ever."""
    import asyncio  # the master tells the status, too, and has no event loop in its memory

    teller = Teller()
    while True:
        now = time.monotonic()
        for one in teller.look(now, found(vector, now)):
            log.say(one.event, one.sentence, **one.about)
        await asyncio.sleep(LOOK)
