"""A soak from beginning to end: rounds of all troubles under a client that asks all the time."""

from __future__ import annotations

import random
import time
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.soak.client import LATE_S, TCP_S, Client, Miss
from bench.soak.node import Node, running, size
from bench.soak.study import Gauge, Spell
from bench.soak.troubles import Blows, Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.study.progress import Steps

REST_S = 2.0
"""Seconds between two troubles: what the last one has lost is not the next one's."""
ANSWER_S = max(LATE_S, TCP_S)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long: ``rounds`` of all ``troubles``, each for ``seconds``, at ``rate`` queries/s.

    In the second half of the rounds nothing kills control, so that its growth can be seen.
    """

    troubles: Sequence[Trouble]
    rounds: int
    seconds: float
    rate: float
    seed: int
    settings: str = ""

    def of_round(self, number: int) -> list[Trouble]:
        """Return the troubles of round ``number`` (from 1)."""
        calm = self.rounds > 2 and number > self.rounds // 2
        return [each for each in self.troubles if not (calm and each.kills_control)]


def soak(plan: Plan, directory: Path, steps: Steps) -> tuple[list[Spell], list[Gauge]]:
    """Run the plan; return what was found of each trouble, and each process after each round."""
    spells: list[Spell] = []
    gauges: list[Gauge] = []
    with running(directory, plan.settings) as node, Client(node.port, plan.rate) as client:
        blows = Blows(node, random.Random(plan.seed))
        begin = time.monotonic()
        for number in range(1, plan.rounds + 1):
            for trouble in plan.of_round(number):
                steps.begin(f"round {number} of {plan.rounds}: {trouble.name}")
                spell = _spell(plan, trouble, blows, client, (number, begin))
                spells.append(spell)
                steps.say(told(spell))
            gauges += _gauges(node, number)
    return spells, gauges


def _spell(
    plan: Plan, trouble: Trouble, blows: Blows, client: Client, when: tuple[int, float]
) -> Spell:
    number, beginning = when
    blows.at.clear()
    sent, begin = sum(client.sent.values()), time.monotonic()
    with trouble.around(blows):
        while (left := begin + plan.seconds - time.monotonic()) > 0:
            trouble.turn(blows)
            time.sleep(min(trouble.pause, left))
    converged = blows.converged()
    time.sleep(REST_S + ANSWER_S)
    end = time.monotonic() - ANSWER_S
    misses = [miss for miss in list(client.misses) if begin <= miss.when < end]
    ages = [age(miss, blows.at) for miss in misses]
    return Spell(
        round=number,
        trouble=trouble.name,
        begin=begin - beginning,
        seconds=end - begin,
        sent=sum(client.sent.values()) - sent,
        lost=sum(not miss.wrong for miss in misses),
        wrong=sum(miss.wrong for miss in misses),
        unexplained=sum(
            not miss.wrong and each > trouble.loses for miss, each in zip(misses, ages, strict=True)
        ),
        converged=converged,
        worst=max((each for each in ages if each != NEVER), default=0.0),
    )


NEVER = float("inf")


def age(miss: Miss, blows: Sequence[float]) -> float:
    """Return how long after the last blow a query was asked: 0 if its answer met the next one."""
    index = bisect_right(blows, miss.when)
    if index < len(blows) and blows[index] - miss.when < (
        TCP_S if miss.transport == "tcp" else LATE_S
    ):
        return 0.0
    return miss.when - blows[index - 1] if index else NEVER


def _gauges(node: Node, number: int) -> list[Gauge]:
    found = []
    for role, pid in node.roles().items():
        if (held := size(pid)) is not None:
            found.append(Gauge(number, role, pid, held.memory, held.descriptors))
    return found


def told(spell: Spell) -> str:
    """Return what a spell was like, for whoever watches."""
    served = "never" if spell.converged is None else f"after {spell.converged:.1f} s"
    return (
        f"{spell.trouble}: {spell.lost} of {spell.sent:,} lost, {spell.unexplained} of them"
        f" unexplained, {spell.wrong} wrong; last change served {served}"
    )
