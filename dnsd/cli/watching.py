"""What a node says, once or again and again, for people and for programs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli.output import echo, is_read
from dnsd.errors import DnsdError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    Look = Callable[[], dict[str, Any]]
    Picture = Callable[[dict[str, Any]], RenderableType]

WATCH_S = 0.5

watch_option = click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")


def show(found: dict[str, Any], as_json: bool, picture: Picture) -> None:
    """Print what was ``found``."""
    if as_json:
        echo(json.dumps(found))
        return
    from dnsd.cli.console import SafeConsole

    SafeConsole().print(picture(found))


def watch(look: Look, as_json: bool, picture: Picture) -> None:
    """Show it again and again, also over a restart of the node: that is worth watching.

    It ends with its reader.
    """
    if as_json:
        while is_read():
            echo(json.dumps(look()))
            time.sleep(WATCH_S)
        return
    from rich.live import Live

    from dnsd.cli.console import SafeConsole

    console = SafeConsole()
    if not console.is_terminal:  # where nothing can be painted over, pictures follow one another
        while is_read():
            console.print(_picture_now(look, picture))
            time.sleep(WATCH_S)
        return
    with Live(picture(look()), console=console, auto_refresh=False) as live:
        while is_read():
            time.sleep(WATCH_S)
            live.update(_picture_now(look, picture), refresh=True)


def _picture_now(look: Look, picture: Picture) -> RenderableType:
    from rich.text import Text

    try:
        return picture(look())
    except DnsdError as error:
        return Text(str(error), style="red")
