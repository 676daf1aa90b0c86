"""``dnsd restart``: have a new master take a running node over, without losing a query."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import click

from dnsd.cli.admin import socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.said import say_done
from dnsd.cli.waiting import goes_on
from dnsd.errors import AdminError, NotRunning
from dnsd.process.masterway import steering_name
from dnsd.process.socketfile import is_friend

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 400.0
"""How long a hand-over may take; the master gives up before."""


@click.command()
@config_option
@json_option
def restart(config_file: Path | None, as_json: bool) -> None:
    """Restart a running node without losing a query, and wait until that is done.

    A new dnsd is started beside the running one: the version that is installed now, with the
    configuration as it is now. When all of its processes are prepared it takes the sockets, the
    interface of the VIPs and everything else over; BIRD notices nothing. Should it not start, or
    end before, everything stays as it is, and the exit status is 1.
    """
    path = socket_path(config_file)
    with goes_on("the restart goes on; `dnsd status` shows which dnsd (pid) it is"):
        steer(path, "restart")
    say_done(as_json, "dnsd: a new dnsd has taken over")


def steer(path: Path, command: str) -> None:
    """Have the master of the node at ``path`` do ``command``; AdminError if that has failed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE_S)
        try:
            sock.connect(steering_name(path))
        except OSError as error:
            raise NotRunning(f"dnsd is not running: no master of {path} answers") from error
        owner = [path.parent.stat().st_uid] if path.parent.exists() else []
        if not is_friend(sock, *owner):
            raise AdminError(f"another user's program answers for the master of {path}")
        try:
            sock.sendall(json.dumps({"command": command}).encode() + b"\n")
            line = sock.makefile("rb").readline()
        except OSError as error:
            raise AdminError(f"the master of {path} does not answer: {error}") from error
    if not line:
        raise AdminError(
            "the master has ended, or does not take commands from this user: be root, or the user "
            "that dnsd runs as"
        )
    answer = json.loads(line)
    if not answer["ok"]:
        raise AdminError(f"no restart: {answer['error']}")
