"""``dnsd declare``: what an operator knows of caches, and a node cannot.

The node writes it down, and answers every later question by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dnsd.cli.admin import ask, socket_path
from dnsd.cli.askers import ago
from dnsd.cli.options import config_option, json_option, reading
from dnsd.cli.said import say_done
from dnsd.config.units import format_duration, parse_duration

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def declare() -> None:
    """Tell a node what it cannot know of caches: it relies on it from then on."""


@declare.command()
@config_option
@json_option
@click.option(
    "--ttl",
    required=True,
    callback=reading(parse_duration),
    metavar="TIME",
    help="The largest TTL; 0s if the node gave out nothing.",
)
def past(config_file: Path | None, as_json: bool, ttl: float) -> None:
    """Declare the largest TTL that was given out before this node began its account.

    For a node that is new, or has lost its state directory: for so long, caches may hold what was
    given out in its place before, and nothing is SAFE until then. Give 0s only for a node that
    replaces no other server: dnsd relies on what is declared.
    """
    ask(socket_path(config_file), "declare_past", ttl=ttl)
    limit = f" with a TTL above {format_duration(int(ttl))}" if ttl else ""
    say_done(as_json, f"noted: this node gave out nothing{limit} before its account began", ttl=ttl)


@declare.command()
@config_option
@json_option
@click.option(
    "--since",
    default="0s",
    callback=reading(ago),
    metavar="TIME",
    help='How long ago it stopped ("10m"), or when (2026-01-31T12:00:00); now by default.',
)
@click.argument("node")
def dead(config_file: Path | None, as_json: bool, since: float, node: str) -> None:
    """Declare that NODE has stopped answering at a time, and will never answer again.

    Its report is not needed any more. This is undone as soon as this node hears it again.
    """
    ask(socket_path(config_file), "declare_dead", node=node, ago=since)
    say_done(as_json, f"noted: node {node} is dead", node=node)


@declare.command()
@config_option
@json_option
@click.argument("node")
def alive(config_file: Path | None, as_json: bool, node: str) -> None:
    """Take back that NODE is dead, on the node where that was declared.

    For one that was declared dead by mistake, or that is in use again.
    """
    ask(socket_path(config_file), "declare_alive", node=node)
    say_done(as_json, f"noted: node {node} is not dead", node=node)
