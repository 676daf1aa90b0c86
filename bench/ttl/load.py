"""The simulated caches' questions, sent to a real dnsd as they came: what they cost it.

The simulation knows the TTL of every name beforehand; here each answer's TTL is compared with
it. So a simulation that had waited for every answer would have gone no other way, only slower.
"""

from __future__ import annotations

import asyncio
import time
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench import procs
from bench.ttl.asking import Ask, ask
from bench.ttl.names import Name, question
from bench.ttl.results import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.server import Server
    from bench.ttl.simulate import Question


class Pace(NamedTuple):
    """For how many seconds questions are sent, and how many times as quickly as they came."""

    seconds: float
    speed: float


def idle(server: Server, seconds: float) -> float:
    """Return the share of a core that a server uses when nobody asks it."""
    pids = server.pids()
    before, begin = procs.cpu_seconds(pids), time.monotonic()
    time.sleep(seconds)
    return (procs.cpu_seconds(pids) - before) / (time.monotonic() - begin)


def play(
    server: Server,
    questions: Sequence[Question],
    ttl: int,
    pace: Pace,
    reach: Callable[[float], None],
) -> Load:
    """Send ``questions`` to ``server`` at their times, by ``pace``, and see what it uses."""
    port = server.setup.port
    schedule = [
        Ask(when / pace.speed, port, question(Name(name, ttl).owner(), recursion=False))
        for when, name in sorted(questions)
    ]
    pids = server.pids()
    before, begin = procs.cpu_seconds(pids), time.monotonic()
    answers = asyncio.run(ask(schedule, reach))
    time.sleep(max(0.0, begin + pace.seconds - time.monotonic()))
    cpu, wall = procs.cpu_seconds(pids) - before, time.monotonic() - begin
    took = np.array([answer.took for answer in answers if isfinite(answer.took)]) * 1e6
    return Load(
        ttl=ttl,
        seconds=wall,
        asked=len(answers),
        lost=len(answers) - took.size,
        wrong=sum(isfinite(answer.took) and answer.ttl != ttl for answer in answers),
        cpu=cpu / wall,
        p50_us=float(np.quantile(took, 0.5)) if took.size else 0.0,
        p99_us=float(np.quantile(took, 0.99)) if took.size else 0.0,
    )
