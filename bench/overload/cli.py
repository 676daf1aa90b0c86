"""``python -m bench overload``: servers that are asked three times what they can answer."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from bench.overload.run import Ground, Plan
from bench.overload.study import Overload, faults, table
from bench.peers import PEERS, base
from bench.results import DIRECTORY
from bench.run import LoadError
from bench.server import ServerError
from bench.study import progress, results
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.signals import ending
from bench.study.text import grid

if TYPE_CHECKING:
    from bench.overload.study import Row
    from bench.study.progress import Steps

SERVERS = ("dnsd", "nsd", "knot")
SHORT_S = 1.0


@click.command(name="overload")
@click.option("--names", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.5, 60), default=4.0, show_default=True)
@click.option("--factor", type=click.FloatRange(1, 20), default=3.0, show_default=True)
@click.option(
    "--others",
    type=click.IntRange(0, 16),
    default=4,
    show_default=True,
    help="Programs that want all of the server's core: its capacity is less then.",
)
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option(
    "--server",
    "names_",
    type=click.Choice(SERVERS),
    multiple=True,
    default=SERVERS,
    show_default=True,
)
@click.option("--short", is_flag=True, help=f"One round, {SHORT_S:g} s for each load.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def overload(
    names: int,
    seconds: float,
    factor: float,
    others: int,
    rounds: int,
    names_: tuple[str, ...],
    short: bool,
    output: Path | None,
) -> None:
    """Ask each server a multiple of what it can answer; count what it answers nevertheless.

    It needs two cores: one for the server, one for whoever asks. The exit status is 1 when dnsd
    answers less than 80 % of its capacity, or loses a check or a process.
    """
    needed()
    from bench.overload.kind import KIND

    if short:
        names, seconds, rounds = 1000, SHORT_S, 1
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StudyError("overload needs two cores: one for the server, one for whoever asks")
    plan = Plan(names, seconds, factor, rounds, others, *cores[:2])
    versions, missing = base.versions(PEERS[name] for name in names_)
    with ending(), progress.steps() as steps:
        rows = _rows(plan, list(versions), steps)
    settings = {"names": f"{names:,}", "each load": f"{seconds:g} s", "rounds": str(rounds)}
    settings["other programs on the server's core"] = str(others)
    study = Overload(
        kind=KIND.name,
        about=results.about(
            versions, settings, problems=[f"{name}: {why}" for name, why in missing.items()]
        ),
        factor=factor,
        rows=rows,
    )
    Console(width=170).print(grid(table(study)))
    tell(KIND.write(study, output or DIRECTORY / time.strftime("overload-%Y%m%dT%H%M%S.json")))
    if found := faults(study):
        raise click.ClickException("; ".join(found))


def _rows(plan: Plan, names: list[str], steps: Steps) -> list[Row]:
    """Measure each server in each round; StudyError if that cannot be."""
    with tempfile.TemporaryDirectory(prefix="dnsd-overload-") as directory:
        Path(directory).chmod(0o755)
        rows = []
        try:
            ground = Ground(plan, Path(directory))
            for round_ in range(1, plan.rounds + 1):
                for name in names:
                    steps.begin(f"round {round_}: {name}")
                    rows.append(ground.measure(PEERS[name], round_, steps.say))
        except (LoadError, ServerError) as error:
            raise StudyError(str(error)) from None
        return rows
