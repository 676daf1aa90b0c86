"""``dnsd reload``: have a running node read its zones again, and see how it went."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.output import echo
from dnsd.cli.restart import steer
from dnsd.cli.waiting import goes_on
from dnsd.control.zones.report import ReloadReport, events, summary
from dnsd.text import printable

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@json_option
@click.option("--force", is_flag=True, help="Accept that zones lose records, or are gone.")
@click.option("--restart", "may_restart", is_flag=True, help="Restart if only that applies it all.")
@click.argument("names", nargs=-1, metavar="[ZONE]...")
def reload(
    config_file: Path | None,
    as_json: bool,
    force: bool,
    may_restart: bool,
    names: tuple[str, ...],
) -> None:
    """Make a running node reload its zones, and wait for it.

    Reads the configuration again, then the zones that have changed (or those named here, whatever
    the times of their files are). Exit status 0 says that every worker serves what is in the
    files now; otherwise standard error says what prevents that, and the last version is still
    served.

    An edit that takes away most of a zone, or most of the zones, is refused ([zones] shrink and
    vanish) until it is given here with --force.

    Changes that only a restart applies (such as [server] listen) are named, and the exit status is
    1. With --restart, a new dnsd then takes the node over, without losing a query (dnsd restart).
    """
    path = socket_path(config_file)
    with goes_on("the reload goes on; `dnsd status` shows what is served"):
        result = ask(path, "reload", patience=None, zones=list(names), force=force)
    report = msgspec.convert(result, ReloadReport)
    if report.waiting and may_restart:
        keys = ", ".join(report.waiting)
        echo(f"dnsd: restarting, as a reload does not apply {keys}", err=True)
        with goes_on("the restart goes on; `dnsd status` shows which dnsd (pid) it is"):
            steer(path, "restart")
        result = ask(path, "reload", patience=None, zones=[], force=force)
        report = msgspec.convert(result, ReloadReport)
    if as_json:
        echo(json.dumps(result))
    else:
        _show(report)
    sys.exit(0 if report.ok else 1)


def _show(report: ReloadReport) -> None:
    for one in events(report):
        echo(printable(one), err=not report.ok)
    echo(f"dnsd: {summary(report)}", err=not report.ok)
