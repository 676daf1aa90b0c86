"""``dnsd stop``: end a running node in order, and wait for it."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, last_option, seconds_of
from dnsd.cli.output import echo
from dnsd.cli.waiting import goes_on
from dnsd.errors import AdminError, ControlDown

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@click.option(
    "--wait",
    callback=seconds_of,
    default="30s",
    show_default=True,
    metavar="TIME",
    help="How long to wait until it has ended.",
)
@last_option
def stop(config_file: Path | None, wait: float, force: bool) -> None:
    """Stop a running node, and wait until it has ended.

    It leaves the route first and answers what is on its way, as when its service manager stops it
    (SIGTERM). One that a service manager runs is better stopped there: systemctl stop dnsd.
    The last node that announces the VIPs refuses, as far as [[anycast.probe]] tells.
    """
    path = socket_path(config_file)
    pid = _master(path)
    with suppress(ControlDown):  # what fails leaves, whatever others do
        ask(path, "leave", force=force)
    try:
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise AdminError(f"cannot stop dnsd (pid {pid}): permission denied") from error
    with goes_on(f"dnsd (pid {pid}) goes on to stop"):
        if not select.select([process], [], [], wait)[0]:
            raise AdminError(f"dnsd (pid {pid}) has not ended within {wait:g} s")
    echo(f"dnsd (pid {pid}) has ended")


def _master(path: Path) -> int:
    try:
        return int(ask(path, "status", few=True)["pid"])
    except ControlDown as error:
        return int(error.status["pid"])
