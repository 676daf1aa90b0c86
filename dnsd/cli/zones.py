"""``dnsd zones``: the zones of a running node, one a line."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.output import echo
from dnsd.text import duration

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@json_option
@click.option("--state", default="", help="Only those in this state, such as stale or broken.")
def zones(config_file: Path | None, as_json: bool, state: str) -> None:
    """List the zones of a running node: name, serial, records, state, since when, error.

    Of signed zones also when the first of their signatures ends.
    """
    rows = ask(socket_path(config_file), "status")["zones"]
    rows = [row for row in rows if state in ("", row["state"])]
    if as_json:
        echo(json.dumps(rows))
        return
    # As plain lines: a table of a hundred thousand rows would take a minute to lay out.
    width = max((len(row["zone"]) for row in rows), default=0)
    for row in rows:
        since = duration(max(0.0, time.time() - row["since"]))
        serial = "-" if row["serial"] is None else row["serial"]
        line = f"{row['zone']:<{width}}  {serial:>10}  {row['records']:>9,}  {row['state']}"
        signed = f"; its signatures {one['phrase']}" if (one := row.get("signatures")) else ""
        echo(f"{line}, for {since}{signed}{': ' if row['error'] else ''}{row['error'] or ''}")
