"""``dnsd upgrade``: what a package does when a new version of dnsd is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dnsd.cli.admin import socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.restart import steer
from dnsd.cli.said import say_done
from dnsd.cli.waiting import goes_on

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@json_option
@click.option("--check", is_flag=True, help="Try it, and take nothing over.")
def upgrade(config_file: Path | None, as_json: bool, check: bool) -> None:
    """Have the version of dnsd that is installed now take a running node over.

    It is what `dnsd restart` does. With --check the new version starts all its processes beside the
    running ones: they map the same images and answer a question of the master's, but no client's;
    then they end. Exit status 0 says that it can take over, 1 why it cannot.
    """
    path = socket_path(config_file)
    with goes_on("the upgrade goes on; `dnsd status` shows which version it is"):
        steer(path, "check" if check else "restart")
    say_done(as_json, f"dnsd: the installed version {'can take' if check else 'has taken'} over")
