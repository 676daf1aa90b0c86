"""``dnsd log-level``: show or change from which level on a running node logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.output import echo
from dnsd.process.events import LEVEL_WORDS

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@json_option
@click.argument("level", required=False, type=click.Choice([*LEVEL_WORDS, "configured"]))
def log_level(config_file: Path | None, as_json: bool, level: str | None) -> None:
    """Show the level of a running node's log, or change it to LEVEL.

    All processes of the node follow at once: events of the level and above are written. It lasts
    until the node is restarted, or until a reload finds another [log] level; "configured" takes
    it back. deploy/events.md explains each event.
    """
    found = ask(socket_path(config_file), "log-level", level=level)
    if as_json:
        echo(json.dumps(found))
        return
    other = "" if found["level"] == found["configured"] else f" (configured: {found['configured']})"
    echo(f"{found['level']}{other}")
