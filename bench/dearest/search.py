"""Searches for the dearest packet: everything once quickly, then what was dear with care."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from bench.dearest.drawn import drawn
from bench.dearest.meter import Broken, Meter
from bench.dearest.scenes import DENIALS, Scene, crafted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.dearest.chains import Denial
    from bench.dearest.shapes import Asked

QUICK_TURNS = 6
"""Turns of a first look: its result may be too high, never much too low."""
SURE_TURNS = 60
KEPT = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """How far to search: ``scale`` of the crafted zones, and how many to draw with ``seed``."""

    scale: float = 1.0
    zones: int = 60
    questions: int = 40
    seed: int = 1
    denials: tuple[Denial, ...] = DENIALS


@dataclass(frozen=True, slots=True)
class Dear:
    """A packet and its factor to a plain hit."""

    scene: Scene
    asked: Asked
    tcp: bool
    factor: float


def scenes(plan: Plan) -> Iterator[Scene]:
    """Yield the zones to search."""
    yield from crafted(plan.scale, plan.denials)
    random = Random(plan.seed)
    for _ in range(plan.zones):
        yield drawn(random, plan.questions)


def search(plan: Plan, say: Callable[[str], None]) -> tuple[list[Dear], int]:
    """Return the dearest packets, without DNSSEC and with it, and how many were tried."""
    tried = 0
    kept: dict[bool, list[Dear]] = {False: [], True: []}
    for number, scene in enumerate(scenes(plan)):
        try:
            meter = Meter(scene)
        except Broken as error:
            say(f"zone {number + 1} is left out: {error}")
            continue
        with meter:
            found = []
            for asked in scene.asked:
                found.append(Dear(scene, asked, False, meter.factor(asked, QUICK_TURNS)))
                found.append(Dear(scene, asked, True, meter.over_tcp(asked, QUICK_TURNS)))
            tried += len(found)
            for signed, before in kept.items():
                sure = _sure(meter, [one for one in found if one.asked.signed == signed])
                kept[signed] = heapq.nlargest(KEPT, [*before, *sure], key=lambda one: one.factor)
        worst = max(one.factor for dear in kept.values() for one in dear)
        say(f"zone {number + 1}, {scene.name}: the dearest packet so far costs {worst:.1f} times")
    return [*kept[False], *kept[True]], tried


def _sure(meter: Meter, found: list[Dear]) -> list[Dear]:
    """Measure the dearest of ``found`` with care; each kind of packet once."""
    dearest = heapq.nlargest(3, found, key=lambda one: one.factor)
    return [
        Dear(
            one.scene,
            one.asked,
            one.tcp,
            (meter.over_tcp if one.tcp else meter.factor)(one.asked, SURE_TURNS),
        )
        for one in dearest
    ]
