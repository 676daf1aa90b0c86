"""``dnsd config``: what a configuration says, and what of it a running node does not do yet."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from dnsd import config as configs
from dnsd.cli import exits
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option, say_examples
from dnsd.cli.output import echo
from dnsd.cli.said import say_lines
from dnsd.config.written import changed, plain
from dnsd.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


_NEEDS = {"reload": "dnsd reload applies it", "restart": "it needs a restart"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def config() -> None:
    """Show the configuration, what a running node has not applied, or explain its keys."""


@config.command()
@config_option
@json_option
@click.option("--all", "every", is_flag=True, help="Show the keys that have their defaults, too.")
def show(config_file: Path | None, as_json: bool, every: bool) -> None:
    """Show what the configuration says, as TOML: by default, what differs from the defaults.

    Paths are whole, names and addresses in their usual form. No node is asked.
    """
    say_examples(config_file)
    found = plain(configs.resolve(config_file, configs.Options()))
    if not every:
        found = changed(found, plain(configs.Config()))
    if as_json:
        echo(json.dumps(found))
        return
    import tomli_w

    echo(tomli_w.dumps(found), nl=False)


@config.command()
@config_option
@json_option
def diff(config_file: Path | None, as_json: bool) -> None:
    """Show the keys that are not in the running node as they are in the configuration.

    Each with what the node has, what the file says, and whether a reload is enough.

    Exit status: 0 there are none, 4 there are some.
    """
    rows = ask(socket_path(config_file), "config-diff")
    if as_json:
        echo(json.dumps(rows))
    for row in () if as_json else rows:
        node, file = _shown(row["node"]), _shown(row["file"])
        echo(f"{row['key']}: {node} in the node, {file} in the file; {_NEEDS[row['needs']]}")
    if rows:
        sys.exit(exits.DEGRADED)


@config.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    help="Text, or the page deploy/CONFIGURATION.md.",
)
@json_option
@click.argument("word", metavar="[WORD]", default="")
def reference(form: str, as_json: bool, word: str) -> None:
    """Explain the keys of the configuration and of policies: type, default, bounds, meaning.

    All of them, or those in whose name or table WORD occurs: "tcp", "zones.limits", "pool".
    """
    from dnsd.config import reference as references  # for this command only

    if form == "markdown":
        echo(references.markdown(), nl=False)
        return
    found = list(references.lines(word))
    if not found:
        raise ConfigError([f"no key or table contains {word!r}: dnsd config reference lists all"])
    say_lines(as_json, found)


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
