"""``dnsd querylog``: have a running node log its queries for a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli import exits
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option, seconds_of
from dnsd.cli.output import echo
from dnsd.text import duration

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@json_option
@click.argument("order", required=False, type=click.Choice(["on", "off"]))
@click.option(
    "--for",
    "seconds",
    default="10m",
    callback=seconds_of,
    metavar="TIME",
    help='Log for so long, such as "90s" or "2h".',
    show_default=True,
)
@click.option(
    "--sample",
    "one_in",
    default=1,
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="Log one query in N.",
    show_default=True,
)
def querylog(
    config_file: Path | None, as_json: bool, order: str | None, seconds: float, one_in: int
) -> None:
    """Log the queries of a running node to a file for a while, or show what is logged.

    "on" has a process of its own write a line for each query, to the file that [querylog] names.
    It ends after the time that is given, with "off", and when the node or its control process is
    restarted. No answer waits for it: what cannot be written in time is lost, and counted.
    """
    path = socket_path(config_file)
    found = ask(path, "querylog", order=order, seconds=seconds, sample=one_in)
    echo(json.dumps(found) if as_json else _sentence(found))
    if found.get("fault"):
        raise SystemExit(exits.DEGRADED)


def _sentence(found: dict[str, Any]) -> str:
    file = found["file"]
    done = ""
    if "written" in found:
        done = f"{found['written']:,} queries written, {found['lost']:,} lost"
    if not found["on"]:
        return f"off: {done} ({file})" if done else f"off (it would write to {file})"
    what = "all queries" if found["sample"] == 1 else f"one query in {found['sample']:,}"
    told = f"on: {what} to {file}, for {duration(found['left'])} more; {done}"
    return f"{told}; {found['fault']}" if found["fault"] else told
