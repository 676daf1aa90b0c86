"""The open loop of a check: steady, as recorded, or a ramp; each way in turn."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bench.dig import openloop, times
from bench.dig.ramp import ramp
from bench.dig.ways import opened, wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.dig.asking import Target
    from bench.dig.ramp import Limits
    from bench.dig.study import Moment, Step, Tail, Times
    from bench.queries.draw import Query
    from bench.study.progress import Steps

REST_S = 0.3
LEAST_ASKED = 200
"""Queries of a step: of fewer, p99 is just the worst."""


@dataclass(slots=True)
class Loaded:
    """What the load has found."""

    times: list[Times] = field(default_factory=list)
    tails: list[Tail] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Load:
    """``queries`` at ``rate`` a second for ``seconds``, over each of ``ways``.

    With ``dues`` each query has a time of its own instead (as many as there are queries). With
    ``limits`` a ramp follows, which begins at ``rate`` and has steps of ``step`` seconds.
    """

    queries: Sequence[Query]
    ways: tuple[str, ...]
    rate: float
    seconds: float
    clients: int
    patience: float
    dues: Sequence[float] | None = None
    limits: Limits | None = None
    step: float = 3.0

    async def run(self, target: Target, found: Loaded, steps: Steps) -> None:
        """Ask over each way in turn."""
        asker = _Asker(self, target, [wire(query) for query in self.queries], steps)
        for way in self.ways:
            dues = openloop.steady(self.rate, self.seconds) if self.dues is None else self.dues
            wanted = self.rate if self.dues is None else 0.0
            at = asker.elapsed()
            shots = await asker.fire(way, dues, f"over {way}, in an open loop")
            more = times.figures_of(way, wanted, at, shots)
            found.times += more.times
            found.tails += more.tails
            found.moments += more.moments
        if self.limits is not None:
            for way in self.ways:
                found.steps += await ramp(partial(asker.at_rate, way), self.rate, self.limits)


class _Asker:
    """Asks one server as the load says."""

    def __init__(self, load: Load, target: Target, packets: Sequence[bytes], steps: Steps) -> None:
        self._load = load
        self._target = target
        self._packets = packets
        self._steps = steps
        self._origin = asyncio.get_running_loop().time()

    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return asyncio.get_running_loop().time() - self._origin

    async def at_rate(self, way: str, rate: float) -> Times:
        """Ask for one step of a ramp."""
        dues = openloop.steady(rate, max(self._load.step, LEAST_ASKED / rate))
        # What an overload has left in queues is not this step's.
        await asyncio.sleep(REST_S)
        shots = await self.fire(way, dues, f"{rate:,.0f} times a second over {way}")
        return times.summed(way, rate, shots, times.waits(shots))

    async def fire(self, way: str, dues: Sequence[float], how: str) -> list[openloop.Shot]:
        """Ask when queries are due, from the first packet on."""
        self._steps.begin(f"{self._target} is asked {how}", len(dues))
        asked = list(itertools.islice(itertools.cycle(self._packets), len(dues)))
        async with opened(way, self._target, self._load.clients) as ready:
            return await openloop.fire(ready, asked, dues, self._load.patience, self._steps.reach)
