"""Has N dig or kdig clients ask a list of queries, bounded in number, rate and time.

Each client is one process after the other, each with a few queries: so a run ends in time, and
a rate can be kept. Knows the two programs' options; what they print is read elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dns.name

from bench.dig.output import Failure, Reader, Response
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.queries.draw import Query

PROGRAMS = ("dig", "kdig")
PER_PROCESS = 50
"""Queries of one process: starting one takes milliseconds, as many queries do."""
GRACE_S = 5.0
LINE_LIMIT = 1 << 20
"""A line is one record; its text is at most four times 65535 octets."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server and how to ask it. ``timeout`` (whole seconds) is for one of ``tries``."""

    address: str
    port: int = 53
    transport: str = "UDP"
    timeout: int = 2
    tries: int = 1

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many clients ask how fast for how long: queries a second of all clients (0: no limit)."""

    clients: int
    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of query number ``index``; ``at`` is in seconds since the run began."""

    index: int
    at: float
    result: Response | Failure


def command(program: str, target: Target, queries: Sequence[Query]) -> list[str]:
    """Return the command that asks ``queries`` one after the other.

    stdbuf has each answer be printed when it comes, in the order of the failures.
    """
    line = ["stdbuf", "-oL", program, f"@{target.address}", "-p", str(target.port)]
    line += [f"+timeout={target.timeout}"]
    line += ["+tcp"] if target.transport == "TCP" else []
    if program == "dig":
        # Without -r the operator's .digrc would say what is printed.
        line[3:3] = ["-r"]
        line += [f"+tries={target.tries}"]
    else:
        line += [f"+retry={target.tries - 1}", "+edns"]
    for query in queries:
        line += ["-q", query.name.to_text(), "-t", query.rtype.name]
        line += ["+dnssec"] if query.do else []
    return line


def check_programs(program: str) -> None:
    """StudyError when ``program`` or what it is started with is not installed."""
    for needed in (program, "stdbuf"):
        if shutil.which(needed) is None:
            package = {"dig": "bind9-dnsutils", "kdig": "knot-dnsutils"}.get(needed, "coreutils")
            raise StudyError(f"{needed} is not installed (Debian, Ubuntu: {package})")


async def ask(
    program: str,
    target: Target,
    queries: Sequence[Query],
    bounds: Bounds,
    told: Callable[[Outcome], None],
) -> None:
    """Ask ``queries`` until all are asked or the time is up; each outcome is ``told``.

    Queries that were not asked in time, or were being asked then, have no outcome.
    """
    work = _Work(program, target, queries, bounds, told)
    async with asyncio.TaskGroup() as group:
        for _ in range(bounds.clients):
            group.create_task(work.client())


async def once(program: str, target: Target, queries: Sequence[Query]) -> list[Outcome]:
    """Ask ``queries`` with one process now; what it did not get to is a failure, too."""
    limit = len(queries) * target.timeout * target.tries + GRACE_S
    late = Failure("no answer in time")
    found = {index: Outcome(index, limit, late) for index in range(len(queries))}

    def told(outcome: Outcome) -> None:
        found[outcome.index] = outcome

    await ask(program, target, queries, Bounds(1, 0, limit), told)
    return list(found.values())


@dataclass(slots=True)
class _Work:
    """The queries that are left, shared by the clients."""

    program: str
    target: Target
    queries: Sequence[Query]
    bounds: Bounds
    told: Callable[[Outcome], None]
    start: float = field(default_factory=time.monotonic)
    taken: int = 0
    next_at: float = 0.0

    async def client(self) -> None:
        while self.taken < len(self.queries) and self._left() > 0:
            first, count = self.taken, self._share()
            self.taken += count
            await self._wait_for_turn(count)
            if self._left() > 0:
                await self._process(first, self.queries[first : first + count])

    def _share(self) -> int:
        """Return how many queries the next process gets: at a low rate those of a second."""
        most = PER_PROCESS
        if self.bounds.rate:
            most = max(1, min(most, int(self.bounds.rate / self.bounds.clients)))
        return min(most, len(self.queries) - self.taken)

    def _left(self) -> float:
        return self.bounds.seconds - (time.monotonic() - self.start)

    async def _wait_for_turn(self, count: int) -> None:
        if not self.bounds.rate:
            return
        now = time.monotonic() - self.start
        mine = max(self.next_at, now)
        self.next_at = mine + count / self.bounds.rate
        await asyncio.sleep(min(mine - now, max(0.0, self._left())))

    async def _process(self, first: int, queries: Sequence[Query]) -> None:
        process = await asyncio.create_subprocess_exec(
            *command(self.program, self.target, queries),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_LIMIT,
        )
        reading = _Reading(first, Order(queries))
        try:
            async with asyncio.timeout(self._left()):
                await self._read(process, reading)
                status = await process.wait()
        except TimeoutError:
            return
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if not reading.results:
            words = " ".join(reading.tail) or "it printed nothing"
            raise StudyError(f"{self.program} ended with {status}: {words}")
        self._tell(reading, reading.order.rest())

    async def _read(self, process: asyncio.subprocess.Process, reading: _Reading) -> None:
        """Read all that ``process`` prints."""
        assert process.stdout is not None
        reader = Reader()
        async for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            reading.tail = [*reading.tail[-4:], line.strip()]
            result = reader.feed(line)
            if result is not None:
                reading.results += 1
                self._tell(reading, reading.order.place(result))

    def _tell(self, reading: _Reading, found: list[tuple[int, Response | Failure]]) -> None:
        at = time.monotonic() - self.start
        for offset, result in found:
            self.told(Outcome(reading.first + offset, at, result))


@dataclass(slots=True)
class _Reading:
    """What one process has printed so far: its last lines, and how many results there were."""

    first: int
    order: Order
    tail: list[str] = field(default_factory=list)
    results: int = 0


class Order:
    """Says which query a result belongs to: they come in order, but one may have been skipped."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._keys = [(query.name, query.rtype.name) for query in queries]
        self._next = 0

    def place(self, result: Response | Failure) -> list[tuple[int, Response | Failure]]:
        """Return ``result`` with its query's number, after those that nothing was said of."""
        at = self._next
        if isinstance(result, Response) and result.name:
            key = (dns.name.from_text(result.name), result.rtype)
            at = next((i for i in range(at, len(self._keys)) if self._keys[i] == key), at)
        skipped = self._unsaid(min(at, len(self._keys)))
        self._next = at + 1
        return [*skipped, (at, result)] if at < len(self._keys) else skipped

    def rest(self) -> list[tuple[int, Response | Failure]]:
        """Return those that nothing was said of when the program ended."""
        return self._unsaid(len(self._keys))

    def _unsaid(self, end: int) -> list[tuple[int, Response | Failure]]:
        return [(i, Failure("nothing was said of it")) for i in range(self._next, end)]
