"""``python -m bench abuse``: attacks on real servers. Needs root; loopback and namespaces only."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
from rich.console import Console

from bench.abuse.attacks import ATTACKS
from bench.abuse.run import cells
from bench.abuse.servers import SERVERS
from bench.abuse.study import Abuse, parts
from bench.peers import base
from bench.results import DIRECTORY
from bench.study import progress, results
from bench.study.errors import sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.signals import ending
from bench.study.text import grid

SHORT_S = 0.5


@click.command(name="abuse")
@click.option("--seconds", type=click.FloatRange(0.2, 60), default=2.0, show_default=True)
@click.option(
    "--attack",
    "chosen",
    type=click.Choice([attack.name for attack in ATTACKS]),
    multiple=True,
    default=[attack.name for attack in ATTACKS],
)
@click.option(
    "--server", "names", type=click.Choice(list(SERVERS)), multiple=True, default=list(SERVERS)
)
@click.option("--short", is_flag=True, help=f"{SHORT_S:g} s for each attack.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def abuse(
    seconds: float,
    chosen: tuple[str, ...],
    names: tuple[str, ...],
    short: bool,
    output: Path | None,
) -> None:
    """Attack dnsd, NSD, Knot DNS and BIND, and count what honest clients lose meanwhile."""
    needed()
    from bench.abuse.kind import KIND

    versions, missing = base.versions(SERVERS[name][0] for name in names)
    attacks = [attack for attack in ATTACKS if attack.name in chosen]
    seconds = SHORT_S if short else seconds
    with (
        ending(),
        tempfile.TemporaryDirectory(prefix="dnsd-abuse-") as directory,
        progress.steps() as steps,
    ):
        found = list(cells(attacks, list(versions), seconds, Path(directory), steps))
    settings = {"each attack": f"{seconds:g} s"}
    study = Abuse(
        kind=KIND.name,
        about=results.about(versions, settings, problems=[*missing.values()]),
        words={attack.name: attack.what for attack in attacks},
        cells=found,
    )
    console = Console(width=150)
    for part in parts(study):
        console.print(part if isinstance(part, str) else grid(part))
    tell(KIND.write(study, output or DIRECTORY / time.strftime("abuse-%Y%m%dT%H%M%S.json")))
