"""``dnsd stats``: what a running node has counted, in all or each second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli import watching
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option, seconds_of
from dnsd.metrics.mnemonics import counter_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import RenderableType


@click.command()
@config_option
@json_option
@click.option(
    "--during",
    callback=seconds_of,
    metavar="TIME",
    help='Count for so long, such as "10s", and show how many there were each second.',
)
def stats(config_file: Path | None, as_json: bool, during: float | None) -> None:
    """Show what a running node has counted since it was started.

    Counters that are 0 are left out, except with --json.
    """
    path = socket_path(config_file)
    found = counted(ask(path, "status", few=True))
    if during is not None:
        time.sleep(during)
        after = counted(ask(path, "status", few=True))
        found = {**after, "per_second": rates(found, after)}
    watching.show(found, as_json, _picture)


def counted(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a ``status`` that counts; ``uptime`` is its clock, in seconds."""
    return {"uptime": status["uptime"], "counters": status["counters"]}


def rates(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    """Return how much each counter has grown each second; one that was restarted began at 0."""
    was_restarted = after["uptime"] < before["uptime"]
    past = {} if was_restarted else before["counters"]
    seconds = after["uptime"] - (0.0 if was_restarted else before["uptime"])
    return {
        name: max(0, value - past.get(name, 0)) / seconds if seconds > 0 else 0.0
        for name, value in after["counters"].items()
    }


def _picture(found: dict[str, Any]) -> RenderableType:
    from dnsd.cli.tables import table

    per_second = found.get("per_second")
    shown = table("counter", "total", *([] if per_second is None else ["each second"]))
    for name, value in found["counters"].items():
        if value:
            rate = [] if per_second is None else [f"{per_second[name]:,.1f}"]
            shown.add_row(counter_name(name), f"{value:,}", *rate)
    return shown
