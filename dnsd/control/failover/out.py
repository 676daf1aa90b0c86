"""Members that are out of the answer: whether caches have forgotten them, as far as it is known.

Looked at now and then for metrics and reports, and never for more than a few: each is a judgement
of its own, which nothing else may wait for. Drains are judged by themselves.
"""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from dnsd.caches.judge import Safety
from dnsd.caches.version import about_member

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.control.failover.engine import FailoverEngine
    from dnsd.control.failover.live import LivePool, PoolKey

LOOK_S = 5.0
MOST = 50
"""Members that are looked at; where so many are out, no operator looks at each of them."""


class OutMember(NamedTuple):
    """A member that is not answered; ``reason`` is the first of those that keep it from SAFE."""

    pool: PoolKey
    address: str
    safety: Safety
    reason: str


class OutMembers:
    """Looks after them; ``found`` is what was seen last."""

    def __init__(self, engine: FailoverEngine) -> None:
        self._engine = engine
        self.found: Sequence[OutMember] = ()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self.found = [*self.look(time.monotonic())]
            await asyncio.sleep(LOOK_S)

    def look(self, now: float) -> Iterator[OutMember]:
        """Yield the members that are out."""
        pools = sorted(self._engine.table.pools.values(), key=lambda pool: pool.key)
        for pool, address in islice(_out(pools), MOST):
            question = about_member(address, pool.key.name, pool.key.type)
            verdict = self._engine.memory.judge(question, 0.0, now)
            reason = verdict.reasons[0] if verdict.reasons else ""
            yield OutMember(pool.key, address, verdict.safety, reason)

    @property
    def problems(self) -> list[str]:
        """What keeps the node from telling how long caches hold a member, as sentences."""
        whys = (one.reason for one in self.found if one.safety is Safety.UNKNOWN)
        return [
            f"it is unknown how long caches hold members that are out: {why}"
            for why in dict.fromkeys(whys)
        ]


def _out(pools: Sequence[LivePool]) -> Iterator[tuple[LivePool, str]]:
    for pool in pools:
        answered = frozenset(pool.answered)
        yield from ((pool, address) for address in pool.state.members if address not in answered)
