"""``python -m bench soak``: one trouble after the other for many minutes. Needs root."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
from rich.console import Console

from bench.peers.dnsd import PEER
from bench.results import DIRECTORY
from bench.soak.run import Plan, soak
from bench.soak.study import Soak, faults, losses, sizes
from bench.soak.troubles import TROUBLES
from bench.study import progress, results
from bench.study.errors import sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.signals import ending
from bench.study.text import grid

SHORT_S = 4.0


@click.command(name="soak")
@click.option("--rounds", type=click.IntRange(1, 1000), default=8, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=12.0, show_default=True)
@click.option("--rate", type=click.FloatRange(1, 10_000), default=300.0, show_default=True)
@click.option(
    "--trouble",
    "names",
    type=click.Choice([trouble.name for trouble in TROUBLES]),
    multiple=True,
    default=[trouble.name for trouble in TROUBLES],
)
@click.option("--seed", default=1, show_default=True)
@click.option("--short", is_flag=True, help=f"One round, {SHORT_S:g} s for each trouble.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def soak_(
    rounds: int,
    seconds: float,
    rate: float,
    names: tuple[str, ...],
    seed: int,
    short: bool,
    output: Path | None,
) -> None:
    """Have one trouble after the other befall a real node, and count what a client loses.

    The exit status is 1 when a query was lost without a reason, an answer was wrong, a change
    was not served, or a process has grown.
    """
    needed()
    from bench.soak.kind import KIND

    if short:
        rounds, seconds = 1, SHORT_S
    plan = Plan([each for each in TROUBLES if each.name in names], rounds, seconds, rate, seed)
    with (
        ending(),
        tempfile.TemporaryDirectory(prefix="dnsd-soak-") as directory,
        progress.steps() as steps,
    ):
        spells, gauges = soak(plan, Path(directory), steps)
    settings = {"rounds": str(rounds), "each trouble": f"{seconds:g} s", "rate": f"{rate:g}/s"}
    study = Soak(
        kind=KIND.name,
        about=results.about({"dnsd": PEER.version()}, settings, {"soak": seed}),
        words={each.name: (each.what, each.why) for each in plan.troubles},
        spells=spells,
        gauges=gauges,
    )
    console = Console(width=150)
    for table in (losses(study), sizes(study)):
        console.print(grid(table))
    tell(KIND.write(study, output or DIRECTORY / time.strftime("soak-%Y%m%dT%H%M%S.json")))
    if found := faults(study):
        raise click.ClickException("; ".join(found))
