"""``python -m bench dearest``: the packet that costs most, beside a plain hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bench.dearest import rivals, study
from bench.dearest.meter import Meter
from bench.dearest.search import Dear, Plan, search
from bench.study.kind import Kind
from bench.study.parameters import parameter

if TYPE_CHECKING:
    from bench.dearest.scenes import Scene
    from bench.study.work import Work

PLAIN_TURNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How far to search."""

    scale: float = parameter(1.0, "Of the search.", least=0.01, most=1, short=0.02)
    zones: int = parameter(60, "Zones to draw.", least=0, most=100_000, short=2)
    questions: int = parameter(40, "To each of them.", least=1, most=100_000, short=5)
    seed: int = parameter(1, "Which zones.")
    rivals: bool = parameter(True, "NSD, Knot DNS and BIND, too.")


def measure(parameters: Parameters, work: Work) -> study.Dearest:
    """Search for the packet that costs dnsd the most CPU time, and compare it with a plain hit.

    The exit status is 1 when one costs more than ten plain hits, or five without DNSSEC.
    """
    plan = Plan(parameters.scale, parameters.zones, parameters.questions, parameters.seed)
    dear, tried = search(plan, work.steps.say)
    with Meter(dear[0].scene) as meter:
        plain = {"dnsd": meter.plain(PLAIN_TURNS)}
    rows = [_row(one) for one in dear]
    if parameters.rivals:
        rows = _compared(dear, rows, plain, work.steps.say)
    rows.sort(key=lambda row: -row.factor)
    return study.Dearest(kind=KIND.name, about=work.about({}), tried=tried, plain=plain, rows=rows)


def _row(one: Dear) -> study.Row:
    transport = "TCP" if one.tcp else "UDP"
    factor = round(one.factor, 2)
    return study.Row(one.scene.name, one.asked.text, transport, one.asked.signed, factor)


def _compared(
    dear: list[Dear], rows: list[study.Row], plain: dict[str, float], say: rivals.Say
) -> list[study.Row]:
    """Return ``rows`` with what the same costs other servers, and note their plain hits."""
    scenes: dict[str, Scene] = {one.scene.name: one.scene for one in dear if not one.tcp}
    found = {}
    for name, scene in scenes.items():
        asked = [one.asked for one in dear if one.scene is scene and not one.tcp]
        for server, costs in rivals.compare(scene, asked, say).items():
            hit, *rest = costs
            plain[server] = min(plain.get(server, hit), hit)
            for one, cost in zip(asked, rest, strict=True):
                found[name, one.text, server] = round(cost / hit, 2)
    return [
        msgspec.structs.replace(
            row,
            rivals={
                server: found[row.zone, row.packet, server]
                for server in rivals.NAMES
                if row.transport == "UDP" and (row.zone, row.packet, server) in found
            },
        )
        for row in rows
    ]


KIND = Kind(
    name="dearest",
    type=study.Dearest,
    title=study.TITLE,
    rows=lambda found: found.rows,
    parts=study.parts,
    parameters=Parameters,
    measure=measure,
    figures=study.figures,
    faults=study.faults,
    is_timed=False,
)
