"""``dnsd stop``: end a running node in order, and wait for it."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option, last_option, seconds_of
from dnsd.cli.said import say_done
from dnsd.cli.waiting import goes_on
from dnsd.errors import AdminError, ControlDown, NotRunning

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@json_option
@click.option(
    "--wait",
    callback=seconds_of,
    default="30s",
    show_default=True,
    metavar="TIME",
    help="How long to wait until it has ended.",
)
@last_option
def stop(config_file: Path | None, as_json: bool, wait: float, force: bool) -> None:
    """Stop a running node, and wait until it has ended.

    It leaves the route first and answers what is on its way, as when its service manager stops it
    (SIGTERM). One that a service manager runs is better stopped there: systemctl stop dnsd.
    The last node that announces the VIPs refuses, as far as [[anycast.probe]] tells.
    """
    path = socket_path(config_file)
    status: dict[str, Any] | None = _status(path)
    with suppress(ControlDown):  # what fails leaves, whatever others do
        ask(path, "leave", force=force)
    until = time.monotonic() + wait
    while status:
        pid = int(status["pid"])
        with goes_on(f"dnsd (pid {pid}) goes on to stop; `dnsd serve` starts it again"):
            _end(pid, until, wait)
        status = _heir(path, status)
    say_done(as_json, f"dnsd (pid {pid}) has ended", pid=pid)


def _end(pid: int, until: float, wait: float) -> None:
    """Stop the process ``pid``; AdminError if it has not ended ``until`` then, in ``wait`` s."""
    try:
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise AdminError(f"cannot stop dnsd (pid {pid}): permission denied") from error
    if not select.select([process], [], [], max(0.0, until - time.monotonic()))[0]:
        raise AdminError(f"dnsd (pid {pid}) has not ended within {wait:g} s")


def _heir(path: Path, before: dict[str, Any]) -> dict[str, Any] | None:
    """Return the status of the node if another process has it now: it was being handed on.

    None if it has ended; a node that a service manager has started since has a life of its own.
    """
    try:
        now = _status(path)
    except NotRunning:
        return None
    is_other = now["pid"] != before["pid"] and now["uptime"] > before["uptime"]
    return now if is_other else None


def _status(path: Path) -> dict[str, Any]:
    try:
        return dict(ask(path, "status", few=True))
    except ControlDown as error:
        return dict(error.status)
