"""``python -m bench worlds``: many worlds of failover, or one of them again."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import click

from bench.study.errors import StudyError
from bench.study.kind import Kind
from bench.study.parameters import parameter
from bench.worlds import study

if TYPE_CHECKING:
    from bench.study.progress import Steps
    from bench.study.work import Work
    from tests.simulation.worlds.search import Found, Tally

CHUNK = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Which worlds; ``seed`` is the first one's."""

    worlds: int = parameter(2000, "How many of them.", least=1, short=20)
    seed: int = parameter(0, "The seed of the first one.", least=0)
    jobs: int = parameter(0, "Processes; 0: one for each core.", least=0, most=1000)
    replay: int | None = parameter(
        None, "Play the world of this seed again; make its story short.", type=int, least=0
    )


def measure(parameters: Parameters, work: Work) -> study.Worlds:
    """Play worlds of several nodes with faults, orders and edits, and judge what caches hold.

    The exit status is 1 when a world breaks a law.
    """
    _needed()
    if parameters.replay is not None:
        _replay(parameters.replay)
    began = time.monotonic()
    seeds = range(parameters.seed, parameters.seed + parameters.worlds)
    jobs = parameters.jobs or len(os.sched_getaffinity(0))
    tally, failures = _played(seeds, jobs, work.steps)
    return study.Worlds(
        kind=KIND.name,
        about=work.about({}),
        first=parameters.seed,
        wall=time.monotonic() - began,
        failures=failures,
        **tally._asdict(),
    )


def _needed() -> None:
    try:
        import_module("tests.simulation.worlds.search")
    except ModuleNotFoundError as error:
        raise StudyError(
            f"the worlds are part of the tests, and {error.name} is missing: run this in a "
            "checkout, with what development needs (make setup)"
        ) from error


def _played(seeds: range, jobs: int, steps: Steps) -> tuple[Tally, list[study.Failure]]:
    from tests.simulation.worlds.search import Tally

    tally, failures = Tally(), []
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    steps.begin(f"{len(seeds)} worlds", len(seeds))
    with ProcessPoolExecutor(jobs) as pool:
        for more, found in pool.map(_chunk, chunks):
            tally = tally.plus(more)
            failures += [_failure(one) for one in found]
            steps.reach(tally.worlds)
    return tally, failures


def _chunk(seeds: range) -> tuple[Tally, list[Found]]:
    from tests.simulation.worlds.search import Tally, counted

    tally, failures = Tally(), []
    for seed in seeds:
        more, found = counted(seed)
        tally = tally.plus(more)
        failures += [found] if found else []
    return tally, failures


def _failure(found: Found) -> study.Failure:
    return study.Failure(found.seed, found.says, f"python -m bench worlds --replay {found.seed}")


def _replay(seed: int) -> None:
    """Play one world, say what came of it, and end."""
    from tests.simulation.worlds.search import run, shrunk, told

    found = run(seed)
    if found is None:
        click.echo(f"the world of seed {seed} breaks no law")
    else:
        click.echo(told(shrunk(found, lambda line: click.echo(line, err=True))))
    raise SystemExit(int(found is not None))


KIND = Kind(
    name="worlds",
    type=study.Worlds,
    title=study.TITLE,
    rows=lambda found: found.failures,
    parts=study.parts,
    parameters=Parameters,
    measure=measure,
    figures=study.figures,
    faults=study.faults,
    is_timed=False,
)
