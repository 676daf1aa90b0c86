"""A population of users: each asks its caching resolver for the name, then the service.

It runs as a process of its own in the users' namespace. A line for each user is written as soon
as it knows how it has fared (:class:`bench.failover.visits.Visit` reads them).

Resolvers are not all young at once: the one with number i of n is asked for the first time after
i/n of ``spread`` seconds; spread over a TTL, their caches hold answers of any age.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys
import time
from typing import NamedTuple

from bench.failover.ask import SILENCE, Answer, ask
from bench.failover.settings import HTTP

DNS_TIMEOUT_S, DNS_TRIES = 1.5, 2
HTTP_TIMEOUT_S = 2.0
"""A person waits longer; a program that calls another one does not."""
REQUEST = "GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"


class Population(NamedTuple):
    """Who asks: for which name, how many a second, through whom, from which own addresses."""

    name: str
    rate: float
    spread: float
    resolvers: list[str]
    addresses: list[str]

    def ready(self, elapsed: float) -> int:
        """Return how many of the resolvers are asked, ``elapsed`` seconds after the start."""
        count = len(self.resolvers)
        return min(count, 1 + int(elapsed / self.spread * count))


async def visit(population: Population, number: int, begun: float) -> None:
    """Be one user, and write down how it went."""
    resolver = population.resolvers[number % population.ready(time.monotonic() - begun)]
    own = population.addresses[number % len(population.addresses)]
    start = time.monotonic_ns()
    answer = await _look_up(resolver, population.name)
    known = time.monotonic_ns()
    if not answer.addresses:
        _write(start, known - start, 0, "dns", "-", answer.ttl, "-", "-")
        return
    address = answer.addresses[0]
    outcome, server, seen = await _request(address, own, population.name)
    end = time.monotonic_ns()
    _write(start, known - start, end - known, outcome, address, answer.ttl, server, seen)


def _write(start: int, dns: int, http: int, *rest: object) -> None:
    print(start, dns // 1000, http // 1000, *rest)


async def _look_up(resolver: str, name: str) -> Answer:
    for _ in range(DNS_TRIES):
        answer = await ask(resolver, name, DNS_TIMEOUT_S)
        if answer.rcode:
            return answer
    return SILENCE


async def _request(address: str, own: str, name: str) -> tuple[str, str, str]:
    """Return how it ended, who has answered, and whether that has seen the user's address."""
    try:
        async with asyncio.timeout(HTTP_TIMEOUT_S):
            body = await _fetch(address, own, name)
        server, seen = body.split()
    except TimeoutError:
        return "timeout", "-", "-"
    except ConnectionRefusedError:
        return "refused", "-", "-"
    except (OSError, ValueError):
        return "broken", "-", "-"
    return "ok", server, "yes" if seen == own else "no"


async def _fetch(address: str, own: str, name: str) -> str:
    reader, writer = await asyncio.open_connection(address, HTTP, local_addr=(own, 0))
    try:
        writer.write(REQUEST.format(name=name).encode())
        response = await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, body = response.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(head[:40])
    return body.decode()


async def run(population: Population) -> None:
    """Send a user at each tick until SIGTERM, and wait for those that are on their way.

    What a busy machine has missed is not made up for.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    begun = due = time.monotonic()
    going: set[asyncio.Task[None]] = set()
    for number in itertools.count():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0, due - time.monotonic()))
        if stop.is_set():
            break
        task = asyncio.create_task(visit(population, number, begun))
        going.add(task)
        task.add_done_callback(going.discard)
        due = max(due + 1 / population.rate, time.monotonic() - 1 / population.rate)
    await asyncio.gather(*going)


def main() -> None:
    """``python -m bench.failover.users NAME RATE SPREAD RESOLVER,… OWN-ADDRESS,…``."""
    name, rate, spread, resolvers, addresses = sys.argv[1:]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    population = Population(
        name, float(rate), max(float(spread), 0.001), resolvers.split(","), addresses.split(",")
    )
    asyncio.run(run(population))


if __name__ == "__main__":
    main()
