"""``python -m bench dearest``: the packet that costs most, beside a plain hit."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.dearest import rivals
from bench.dearest.meter import Meter
from bench.dearest.search import Dear, Plan, search
from bench.dearest.study import Row, Study, save
from bench.machine import machine
from bench.results import DIRECTORY
from bench.study.errors import sentences

if TYPE_CHECKING:
    from bench.dearest.scenes import Scene

PLAIN_TURNS = 100


@click.command(name="dearest")
@click.option("--scale", type=click.FloatRange(0.01, 1), default=1.0, show_default=True)
@click.option("--zones", default=60, show_default=True, help="Zones to draw.")
@click.option("--questions", default=40, show_default=True, help="Questions to each of them.")
@click.option("--seed", default=1, show_default=True)
@click.option("--rivals/--alone", "beside", default=True, help="NSD, Knot and BIND, too.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def dearest(
    scale: float, zones: int, questions: int, seed: int, beside: bool, output: Path | None
) -> None:
    """Search for the packet that costs dnsd the most CPU time, and compare it with a plain hit.

    The exit status is 1 when one costs more than ten plain hits, or five without DNSSEC.
    """

    def say(line: str) -> None:
        click.echo(line, err=True)

    dear, tried = search(Plan(scale, zones, questions, seed), say)
    with Meter(dear[0].scene) as meter:
        plain = {"dnsd": meter.plain(PLAIN_TURNS)}
    rows = [_row(one) for one in dear]
    if beside:
        rows = _compared(dear, rows, plain, say)
    command = "python -m bench " + shlex.join(sys.argv[1:])
    path = output or DIRECTORY / time.strftime("dearest-%Y%m%dT%H%M%S.json")
    study = Study(command, machine(), tried, plain, rows)
    save(study, path)
    for row in sorted(rows, key=lambda row: -row.factor):
        mark = "  <- too dear" if row.is_too_dear else ""
        click.echo(f"{row.factor:5.1f}  {row.packet}, {row.transport}; {row.zone}{mark}")
    click.echo(f"written to {path} and {path.with_suffix('.md').name}")
    if any(row.is_too_dear for row in rows):
        raise SystemExit(1)


def _row(one: Dear) -> Row:
    transport = "TCP" if one.tcp else "UDP"
    return Row(one.scene.name, one.asked.text, transport, one.asked.signed, round(one.factor, 2))


def _compared(
    dear: list[Dear], rows: list[Row], plain: dict[str, float], say: rivals.Say
) -> list[Row]:
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
    compared = []
    for row in rows:
        factors = {
            server: found[row.zone, row.packet, server]
            for server in rivals.NAMES
            if row.transport == "UDP" and (row.zone, row.packet, server) in found
        }
        compared.append(Row(row.zone, row.packet, row.transport, row.dnssec, row.factor, factors))
    return compared
