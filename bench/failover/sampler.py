"""Asks an authoritative server itself, again and again: what it answers, with which TTL.

It runs as a process of its own: ``python -m bench.failover.sampler SERVER INTERVAL NAME,…``.
A line for each answer: when it was asked (ns), name, response code, TTL, addresses.
"""

from __future__ import annotations

import asyncio
import sys
import time

from bench.failover.ask import ask

TIMEOUT_S = 0.5


async def run(server: str, interval: float, names: list[str]) -> None:
    """Ask for each name once in ``interval`` seconds, for ever."""
    due = time.monotonic()
    while True:
        due = max(due + interval, time.monotonic())
        for name in names:
            start = time.monotonic_ns()
            found = await ask(server, name, TIMEOUT_S)
            addresses = ",".join(sorted(found.addresses))
            print(start, name, found.rcode or "-", found.ttl, addresses or "-")
        await asyncio.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    asyncio.run(run(sys.argv[1], float(sys.argv[2]), sys.argv[3].split(",")))
