"""``python -m tests.mutants``: whether each line of safety is missed when it is broken."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import click

from tests.mutants.mutant import Mutant, every
from tests.mutants.trial import Trial, tried, untouched


@click.command()
@click.argument("words", nargs=-1)
@click.option("--jobs", default=0, help="How many at a time; 0: one for each core.")
@click.option("--show", is_flag=True, help="Print what pytest says, too.")
def main(words: tuple[str, ...], jobs: int, show: bool) -> None:
    """Try the mutants whose list or name has one of WORDS; without one, all.

    The exit status is 1 if one survives.
    """
    chosen = [
        (name, one)
        for name, mutants in every().items()
        for one in mutants
        if not words or any(word in f"{name} {one.name}" for word in words)
    ]
    with ThreadPoolExecutor(jobs or len(os.sched_getaffinity(0))) as pool:
        _look_at_tests(pool, [one for _, one in chosen])
        trials = []
        for (name, one), trial in zip(
            chosen, pool.map(tried, [one for _, one in chosen]), strict=True
        ):
            click.echo(_line(name, one, trial))
            if show or trial.outcome == "broken":
                click.echo(trial.output)
            trials.append(trial)
    caught = sum(one.outcome == "caught" for one in trials)
    click.echo(f"{caught} of {len(trials)} are caught")
    raise SystemExit(caught != len(trials))


def _look_at_tests(pool: ThreadPoolExecutor, mutants: list[Mutant]) -> None:
    """Fail if a test does not hold as it is: then it would find everything."""
    tests = list(dict.fromkeys(test for one in mutants for test in one.tests))
    shares = [tests[at :: pool._max_workers] for at in range(pool._max_workers)]
    for trial in pool.map(untouched, filter(None, shares)):
        if trial.outcome != "survived":
            raise click.ClickException(f"without any fault {trial.by} fails:\n{trial.output}")


def _line(name: str, mutant: Mutant, trial: Trial) -> str:
    by = trial.by.rpartition("/")[2]
    return f"{trial.outcome:8}  {trial.seconds:5.1f} s  {name}: {mutant.name}  {by}"


if __name__ == "__main__":
    main()
