"""The command of a study: what all of them do alike.

It refuses a busy machine, measures as often as it is told, writes the files before it prints
(what is printed may go to a pipe that ends), and fails when there are faults.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console

from bench.results import DIRECTORY
from bench.study import busy, parameters, progress, results
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import Kind, tell
from bench.study.signals import ending
from bench.study.text import grid
from bench.study.work import Work
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.study.parameters import Declared
    from bench.study.progress import Steps

WIDTH = 150
MOST_REPEATS = 1000
STRIDE = 1_000_000
BUSY_OK = click.Option(
    ["--busy-ok"], is_flag=True, help="Measure on a busy machine; results are marked."
)
REPEAT = click.Option(
    ["--repeat"],
    type=click.IntRange(1, MOST_REPEATS),
    default=1,
    show_default=True,
    help="Measure so often, with other seeds, and tell the intervals.",
)
COMMON = (
    click.Option(["--short"], is_flag=True, help="In seconds: what it shows, not figures."),
    click.Option(["--csv"], is_flag=True, help="Print the rows as CSV instead of the tables."),
    click.Option(["--output"], type=click.Path(path_type=Path), help="JSON file to write."),
)


class Deferred(click.Command):
    """The command of a study whose module is imported when it is needed, and not for --help."""

    def __init__(self, name: str, module: str, sentence: str) -> None:
        super().__init__(name, short_help=sentence)
        self.module = module

    def kind(self) -> Kind[Any]:
        """Return the kind of study; StudyError where what it needs is not installed."""
        needed()
        found: Kind[Any] = import_module(self.module).KIND
        return found

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """Go on with the real command."""
        try:
            kind = self.kind()
        except StudyError as error:
            raise click.ClickException(str(error)) from error
        return command(kind).make_context(info_name, args, *rest, **extra)


def command(kind: Kind[Any]) -> click.Command:
    """Return the command that measures a study of this ``kind``."""

    @click.pass_context
    @sentences
    def run(
        context: click.Context, /, csv: bool, short: bool, output: Path | None, **given: Any
    ) -> None:
        repeat, busy_ok = given.pop("repeat", 1), given.pop("busy_ok", True)
        usual = {name for name in given if short and _is_default(context, name)}
        chosen: Declared = parameters.build(kind.parameters, given, usual)
        study = measured(kind, chosen, repeat, busy_ok=busy_ok)
        default = DIRECTORY / time.strftime(f"{kind.name}-%Y%m%dT%H%M%S.json")
        paths = kind.write(study, output or default)
        _show(kind, study, paths, csv=csv)
        if faults := kind.faults(study):
            raise StudyError("; ".join(faults))

    assert kind.measure is not None
    return click.Command(
        kind.name,
        callback=run,
        params=[*parameters.options(kind.parameters), *_common(kind)],
        help=kind.measure.__doc__,
    )


def _common(kind: Kind[Any]) -> list[click.Option]:
    """Return the options that have nothing to do with what is studied.

    What is worked out, without a clock and without a seed, is the same each time.
    """
    timed = [BUSY_OK] if kind.is_timed else []
    varies = kind.is_timed or hasattr(kind.parameters, "seed")
    return [*([REPEAT] if varies else []), *timed, *COMMON]


def _is_default(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.DEFAULT


def measured(kind: Kind[Any], chosen: Declared, repeats: int, *, busy_ok: bool) -> Any:
    """Measure ``repeats`` times, and return it as one study; StudyError on a busy machine."""
    found = busy.before() if kind.is_timed else []
    if found and not busy_ok:
        raise StudyError(
            f"this machine is busy: {'; '.join(found)}. Wait until it is idle, or have the results"
            " marked with --busy-ok"
        )
    start, runs = busy.now(), []
    with ending(), progress.steps() as steps:
        for number, each in enumerate(_repeats(chosen, repeats), 1):
            if repeats > 1:
                steps.say(f"repeat {number} of {repeats}")
            runs.append(_once(kind, each, steps))
    study = results.join(runs)
    about = msgspec.structs.replace(
        study.about,
        repeats=repeats,
        busy=[*found, *busy.stolen(busy.now().since(start))] if kind.is_timed else [],
        problems=list(dict.fromkeys(each for run in runs for each in run.about.problems)),
    )
    return msgspec.structs.replace(study, about=about, version=results.VERSION)


def _repeats(chosen: Declared, repeats: int) -> Iterator[Declared]:
    """Yield the parameters of each repeat: a seed is another one each time.

    Studies count on from their seeds: those of repeats are far from each other.
    """
    for number in range(repeats):
        seed = getattr(chosen, "seed", None)
        yield chosen if seed is None else replace(chosen, seed=seed + number * STRIDE)


def _once(kind: Kind[Any], chosen: Declared, steps: Steps) -> Any:
    assert kind.measure is not None
    with tempfile.TemporaryDirectory(prefix=f"bench-{kind.name}-") as directory:
        # Servers that give up root read their files here.
        Path(directory).chmod(0o755)
        study = kind.measure(chosen, Work(chosen, steps, Path(directory)))
    return msgspec.structs.replace(study, figures=kind.figures(study))


def _show(kind: Kind[Any], study: Any, paths: list[Path], *, csv: bool) -> None:
    """Print the study."""
    if csv:
        click.echo(results.as_csv(kind.rows(study)), nl=False)
        return
    console = Console(width=WIDTH, highlight=False)
    for part in kind.sections(study):
        console.print(grid(part) if isinstance(part, Table) else part, markup=False)
    tell(paths)


def schema(kind: Kind[Any]) -> str:
    """Return the JSON Schema of the files of ``kind``."""
    return json.dumps(kind.schema(), indent=2)
