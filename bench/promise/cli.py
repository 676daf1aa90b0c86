"""``python -m bench promise``: what a failure is felt for, beside what was promised."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from pathlib import Path

import click

from bench.machine import machine
from bench.promise.machines import CLOSED, DEAD, ILL
from bench.promise.run import play
from bench.promise.site import Site
from bench.promise.study import Study, markdown, save
from bench.results import DIRECTORY
from bench.study.errors import sentences

WAYS = (DEAD, CLOSED, ILL)


@click.command()
@click.option("--names", default=40, show_default=True, help="Names that lead to both machines.")
@click.option("--kills", default=100, show_default=True, help="Kills for each row.")
@click.option("--checks", type=click.Choice(("distinct", "shared")), multiple=True)
@click.option("--way", "ways", type=click.Choice(WAYS), multiple=True, help="How machines die.")
@click.option("--per-address", type=int, help="[failover] max_checks_per_address.")
@click.option("--port", default=5390, show_default=True, help="Of dnsd; the next is for HTTP.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def promise(
    names: int,
    kills: int,
    checks: tuple[str, ...],
    ways: tuple[str, ...],
    per_address: int | None,
    port: int,
    output: Path | None,
) -> None:
    """Kill machines before a real dnsd, and measure for how long each name leads to them.

    Names have checks of their own, or share one for each machine. A kill takes some 15 s. The exit
    status is 1 when one was felt for longer than dnsd promised.
    """
    rows = []
    for number, which in enumerate(checks or ("distinct", "shared")):
        addresses = (f"127.39.{number}.1", f"127.39.{number}.2")
        site = Site(names, which == "shared", addresses, port, port + 1, per_address=per_address)
        with tempfile.TemporaryDirectory() as directory:
            rows += play(
                site,
                ways or WAYS,
                kills,
                Path(directory),
                lambda line, which=which: click.echo(f"{which}: {line}", err=True),  # type: ignore[misc]
            )
    study = Study("python -m bench " + shlex.join(sys.argv[1:]), machine(), rows)
    path = output or DIRECTORY / time.strftime("promise-%Y%m%dT%H%M%S.json")
    save(study, path)
    click.echo(markdown(study))
    click.echo(f"written to {path} and {path.with_suffix('.md').name}")
    if not all(row.is_kept for row in rows):
        raise SystemExit(1)
