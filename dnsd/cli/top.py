"""``dnsd top``: what a running node is asked at this moment, and how it is."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli import toppicture, watching
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.output import echo, is_read
from dnsd.cli.stats import counted, rates
from dnsd.errors import DnsdError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import RenderableType

EACH_S = 1.0
"""Seconds between two pictures, and for how long --once counts."""
KEPT = ("version", "pid", "uptime", "workers", "zone_states", "route", "limited", "problems")
"""What is shown of the status."""
MOST_POOLS = 50
"""A node with more pools is not asked for each of them every second."""


@click.command()
@config_option
@json_option
@click.option("--once", is_flag=True, help="Count for a second, show it, and end.")
def top(config_file: Path | None, as_json: bool, once: bool) -> None:
    """Show live what a running node is asked, by whom, and how it is; Ctrl-C ends it.

    Counts are of all queries. Names and clients come from a sample, of which nothing is kept; the
    last queries that were slow (more than 1 ms), refused or limited are shown with their clients.
    No answer waits for it. With --json it prints an object each second.
    """
    watch = TopWatch(socket_path(config_file))
    watch.look()
    time.sleep(EACH_S)
    if once:
        watching.show(watch.look(), as_json, toppicture.picture)
        return
    with suppress(KeyboardInterrupt):
        if as_json:
            _print(watch)
        else:
            _live(watch)


class TopWatch:
    """Asks the node at ``path`` again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: Mapping[str, Any] | None = None

    def look(self) -> dict[str, Any]:
        """Return what there is to see, with rates since the last look."""
        queries = ask(self._path, "top")
        status = ask(self._path, "status", few=True)
        now = counted(status)
        before, self._before = self._before or now, now
        pools = status.get("pools") or {"pools": 0}
        few = 0 < pools["pools"] <= MOST_POOLS
        return {
            **{key: status.get(key) for key in KEPT},
            "per_second": rates(before, now),
            "pools": pools,
            "pool": ask(self._path, "failover")["pools"] if few else [],
            "queries": queries,
        }


def _print(watch: TopWatch) -> None:
    while is_read():
        echo(json.dumps(watch.look()))
        time.sleep(EACH_S)


def _live(watch: TopWatch) -> None:
    """Paint it over and over; the terminal is as before when it ends, however it ends."""
    from rich.live import Live

    from dnsd.cli.console import SafeConsole

    console = SafeConsole()
    if not console.is_terminal:
        while is_read():
            console.print(_now(watch))
            time.sleep(EACH_S)
        return
    with Live(_now(watch), console=console, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(EACH_S)
            live.update(_now(watch), refresh=True)


def _now(watch: TopWatch) -> RenderableType:
    """Return the picture of now; a node that is being restarted is worth waiting for."""
    from rich.text import Text

    try:
        return toppicture.picture(watch.look())
    except DnsdError as error:
        return Text(str(error), style="red")
