"""``dnsd backend``: a machine behind a director is made ready, looked at, and given back."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from dnsd.cli import exits
from dnsd.cli.options import json_option
from dnsd.cli.output import echo
from dnsd.config import paths
from dnsd.config.netkinds import Vips
from dnsd.control.balance import backendhost


def _vips(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return Vips().read(list(values), Path())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_vips_argument = click.argument("vips", nargs=-1, required=True, metavar="VIP...", callback=_vips)
_record_option = click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where is written down what was changed; the state directory unless it is given.",
)


@click.group()
def backend() -> None:
    """Prepare a machine that serves behind a director, and answers clients directly.

    It may run any service, dnsd or another, that listens on the VIP (or on all addresses). What
    setup does ends with a restart of the machine: have it run at each start.
    """


@backend.command()
@_record_option
@_vips_argument
def setup(record: Path | None, vips: tuple[str, ...]) -> None:
    """Put each VIP on the loopback interface, keep quiet about it on links, probe for MTUs."""
    for line in backendhost.setup(vips, record or paths.state_directory()):
        echo(line)


@backend.command()
@json_option
@_vips_argument
def check(as_json: bool, vips: tuple[str, ...]) -> None:
    """Say what keeps this machine from serving each VIP. Exit status: 0 if nothing does, else 1."""
    problems = backendhost.check(vips)
    if as_json:
        echo(json.dumps({"ok": not problems, "problems": problems}))
    else:
        for line in problems:
            echo(line)
    sys.exit(exits.FAILED if problems else 0)


@backend.command()
@_record_option
def undo(record: Path | None) -> None:
    """Take back what setup has changed here, and nothing else."""
    for line in backendhost.undo(record or paths.state_directory()):
        echo(line)
