"""Real resolvers that run, each with a way to the server: starts them, asks them, sees it all."""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_right
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench import verify
from bench.peers.base import Setup, Unavailable
from bench.server import Server, ServerError
from bench.study.errors import StudyError
from bench.ttl import resolvers
from bench.ttl.asking import Address, Answer, Ask, ask
from bench.ttl.names import Played, RRset, question
from bench.ttl.way import Passed, Ways

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from bench.ttl.resolvers import Resolver


class Authority(NamedTuple):
    """The server that is measured: its address, the zone, and data that it surely has."""

    address: Address
    origin: str
    proof: RRset


class Lookup(NamedTuple):
    """What a user asks: seconds after the beginning, which resolver, which pair and its RRset.

    ``life``: the TTL that the answer is to have, if not the usual one.
    """

    when: float
    resolver: int
    played: Played
    rrset: RRset
    life: int | None = None


class Observed(NamedTuple):
    """What was seen: lookups with their answers, queries that passed, when it all began."""

    lookups: list[Lookup]
    answers: list[Answer]
    passed: list[Passed]
    begin: float

    @property
    def late(self) -> float:
        """How many seconds the latest hundredth of the lookups was late, at least."""
        pairs = zip(self.answers, self.lookups, strict=True)
        return float(np.quantile([a.sent - each.when for a, each in pairs], 0.99)) - self.begin


class Asked(NamedTuple):
    """A resolver's question: when, and whether it is ``repeated``: no user has asked meanwhile."""

    when: float
    repeated: bool


def questions(seen: Observed) -> dict[tuple[int, Played], list[Asked]]:
    """Return what resolvers asked, by resolver and pair."""
    sent = defaultdict[tuple[int, Played], list[float]](list)
    for each, answer in zip(seen.lookups, seen.answers, strict=True):
        sent[each.resolver, each.played].append(answer.sent)
    found = defaultdict[tuple[int, Played], list[Asked]](list)
    before = dict[tuple[int, Played], int]()
    for passed in seen.passed:
        if passed.played is not None:
            key = passed.resolver, passed.played
            users = bisect_right(sent[key], passed.when)
            found[key].append(Asked(passed.when, users == before.get(key, 0)))
            before[key] = users
    return found


@dataclass(slots=True)
class Site:
    """Resolvers by number, those of them that run, and their ways."""

    kinds: list[Resolver]
    running: dict[int, Server]
    ways: Ways

    async def play(
        self, lookups: list[Lookup], cut: float, reach: Callable[[float], None]
    ) -> Observed:
        """Have users look up; after ``cut`` seconds the server is cut off."""
        lookups = sorted(each for each in lookups if each.resolver in self.running)
        asks = []
        for each in lookups:
            address = ("127.0.0.1", self.running[each.resolver].setup.port)
            marked = each.rrset._replace(name=each.played.of(each.rrset.name))
            asks.append(Ask(each.when, address, question(marked)))
            if each.life is not None:
                self.ways.lives[each.resolver, each.played] = each.life
        self.ways.passed.clear()
        timer = asyncio.get_running_loop().call_later(cut, self._cut)
        try:
            answers = await ask(asks, reach)
        finally:
            timer.cancel()
            self.ways.cut = False
        begin = min((a.sent - e.when for a, e in zip(answers, lookups, strict=True)), default=0.0)
        return Observed(lookups, answers, list(self.ways.passed), begin)

    def _cut(self) -> None:
        self.ways.cut = True


@asynccontextmanager
async def site(
    kinds: Sequence[str], server: Authority, trip: float, directory: Path, problems: dict[str, str]
) -> AsyncIterator[Site]:
    """Start a resolver of each of ``kinds``; say in ``problems`` which cannot be started and why.

    StudyError if none can.
    """
    wanted = [resolvers.RESOLVERS[kind] for kind in kinds]
    ways = Ways(server.address, trip)
    await ways.open(len(wanted))
    async with AsyncExitStack() as stack:
        stack.callback(ways.close)

        async def start(number: int) -> tuple[int, Server] | None:
            try:
                found = _start(wanted[number], server.origin, directory, ways.ports[number])
                stack.enter_context(found)
                await asyncio.to_thread(resolvers.wait, found, server.proof)
            except (ServerError, Unavailable) as error:
                problems[wanted[number].name] = str(error)
                return None
            return number, found

        started = await asyncio.gather(*map(start, range(len(wanted))))
        running = dict(each for each in started if each is not None)
        if not running:
            sentences = "; ".join(f"{kind}: {why}" for kind, why in problems.items())
            raise StudyError(f"no resolver could be started: {sentences}")
        yield Site(wanted, running, ways)


def _start(resolver: Resolver, origin: str, directory: Path, upstream: int) -> Server:
    home = directory / f"{resolver.name}.{upstream}"
    home.mkdir()
    setup = Setup(home, origin, home, verify.free_port())
    # All cores: what is measured here is no CPU time.
    return Server(resolver.peer(upstream), setup, tuple(os.sched_getaffinity(0)))
