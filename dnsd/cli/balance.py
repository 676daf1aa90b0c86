"""``dnsd balance``: a director in the foreground, and what can be seen and ordered of it."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli import exits, watching
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option, reason_option
from dnsd.cli.output import echo
from dnsd.cli.services import picture, state_of
from dnsd.cli.waiting import goes_on

if TYPE_CHECKING:
    from pathlib import Path

LOOK_S = 0.5

_service_option = click.option(
    "--service", metavar="NAME", help="Only in this service; by default, in all that have it."
)


@click.group(invoke_without_command=True)
@config_option
@click.pass_context
def balance(ctx: click.Context, config_file: Path | None) -> None:
    """Share packets to VIPs out to backends, as a director, until told to stop.

    The configuration names the services and their backends ([[service]], explained in
    deploy/director.example.toml). A service's VIPs are announced while enough of its backends are
    up; the kernel forwards, and backends answer clients directly. SIGHUP reloads, SIGTERM stops.
    """
    if ctx.invoked_subcommand is not None:
        return
    from dnsd.daemon import director

    sys.exit(director.run(config_file))


def _look(config_file: Path | None) -> dict[str, Any]:
    found: dict[str, Any] = ask(socket_path(config_file), "balance")
    return found


@balance.command()
@config_option
@json_option
def status(config_file: Path | None, as_json: bool) -> None:
    """Show the services, their backends, and where packets go."""
    watching.show(_look(config_file), as_json, picture)


@balance.command()
@config_option
@json_option
def watch(config_file: Path | None, as_json: bool) -> None:
    """Show the services again and again, until Ctrl-C."""
    watching.watch(lambda: _look(config_file), as_json, picture)


@balance.command()
@config_option
@json_option
@reason_option
@_service_option
@click.option(
    "--wait/--no-wait", default=True, help="Wait until it is SAFE; by default, show the progress."
)
@click.argument("backend")
def drain(
    config_file: Path | None,
    as_json: bool,
    reason: str,
    service: str | None,
    wait: bool,
    backend: str,
) -> None:
    """Have BACKEND get no new flows, and wait until its slots are silent.

    A slot moves to another backend when no packet came in it for "idle"; then no flow of it is
    lost. It goes on when this command is interrupted, and outlives a restart; the same command
    shows how far it is. It is about this director: give it on each. Exit status: 0 only when it
    is SAFE, 4 if the drain is in force but cannot be written down.
    """
    path = socket_path(config_file)
    found = ask(path, "balance_drain", backend=backend, service=service, reason=reason)
    with goes_on(
        f"the drain goes on; `dnsd balance status` shows how far it is, and `dnsd balance undrain "
        f"{backend}` takes it back"
    ):
        told: list[str] = []
        while True:
            rows = _of(found, backend, service)
            lines = [f"{name}: {backend} is {state_of(one)}" for name, one in rows]
            if not as_json:
                for line in lines:
                    if line not in told:
                        echo(line)
            told = lines
            safe = all(one["safe"] for _, one in rows)
            if safe or not wait:
                break
            time.sleep(LOOK_S)
            found = ask(path, "balance")
    if as_json:
        echo(json.dumps(found))
    unwritten = found["unwritten"]
    if unwritten:
        echo(f"dnsd: {unwritten}", err=True)
    if unwritten:
        sys.exit(exits.DEGRADED)
    sys.exit(0 if safe else exits.FAILED)


@balance.command()
@config_option
@json_option
@_service_option
@click.argument("backend")
def undrain(config_file: Path | None, as_json: bool, service: str | None, backend: str) -> None:
    """Let BACKEND have its slots again, each of them when it is silent."""
    path = socket_path(config_file)
    found = ask(path, "balance_undrain", backend=backend, service=service)
    watching.show(found, as_json, picture)
    if found["unwritten"]:
        echo(f"dnsd: {found['unwritten']}", err=True)
        sys.exit(exits.DEGRADED)


def _of(
    found: dict[str, Any], backend: str, service: str | None
) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a backend, each with the name of its service."""
    return [
        (one["service"], row)
        for one in found["services"]
        for row in one["backends"]
        if row["backend"] == backend and service in (None, one["service"])
    ]
