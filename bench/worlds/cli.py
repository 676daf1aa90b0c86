"""``python -m bench worlds``: many worlds of failover, or one of them again."""

from __future__ import annotations

import os
import shlex
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.machine import machine
from bench.results import DIRECTORY
from bench.study.errors import StudyError, sentences
from bench.worlds.study import Failure, Study, save, table

if TYPE_CHECKING:
    from tests.simulation.worlds.search import Found, Tally

CHUNK = 20


@click.command(name="worlds")
@click.option("--worlds", "count", default=2000, show_default=True, help="How many of them.")
@click.option("--seed", "first", default=0, show_default=True, help="The seed of the first one.")
@click.option("--jobs", default=0, help="Processes; 0: one for each core.")
@click.option("--replay", type=int, help="Play the world of this seed again; make its story short.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def worlds(count: int, first: int, jobs: int, replay: int | None, output: Path | None) -> None:
    """Play worlds of several nodes with faults, orders and edits, and judge what caches hold.

    The exit status is 1 when a world breaks a law.
    """
    _needed()
    if replay is not None:
        _replay(replay)
        return
    began = time.monotonic()
    tally, failures = _played(range(first, first + count), jobs or len(os.sched_getaffinity(0)))
    study = Study(
        command="python -m bench " + shlex.join(sys.argv[1:]),
        machine=machine(),
        first=first,
        wall=time.monotonic() - began,
        failures=failures,
        **tally._asdict(),
    )
    path = output or DIRECTORY / time.strftime("worlds-%Y%m%dT%H%M%S.json")
    save(study, path)
    click.echo(table(study))
    click.echo(f"written to {path} and {path.with_suffix('.md').name}")
    if failures:
        raise SystemExit(1)


def _needed() -> None:
    try:
        import_module("tests.simulation.worlds.search")
    except ModuleNotFoundError as error:
        raise StudyError(
            f"the worlds are part of the tests, and {error.name} is missing: run this in a "
            "checkout, with what development needs (make setup)"
        ) from error


def _played(seeds: range, jobs: int) -> tuple[Tally, list[Failure]]:
    from tests.simulation.worlds.search import Tally

    tally, failures = Tally(), []
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs) as pool:
        for more, found in pool.map(_chunk, chunks):
            tally = tally.plus(more)
            failures += [_failure(one) for one in found]
            click.echo(f"{tally.worlds} worlds, {len(failures)} failures", err=True)
    return tally, failures


def _chunk(seeds: range) -> tuple[Tally, list[Found]]:
    from tests.simulation.worlds.search import Tally, counted

    tally, failures = Tally(), []
    for seed in seeds:
        more, found = counted(seed)
        tally = tally.plus(more)
        failures += [found] if found else []
    return tally, failures


def _failure(found: Found) -> Failure:
    return Failure(found.seed, found.says, f"python -m bench worlds --replay {found.seed}")


def _replay(seed: int) -> None:
    from tests.simulation.worlds.search import run, shrunk, told

    found = run(seed)
    if found is None:
        click.echo(f"the world of seed {seed} breaks no law")
        return
    click.echo(told(shrunk(found, lambda line: click.echo(line, err=True))))
    raise SystemExit(1)
