"""``dnsd drain``, ``undrain``, ``withdraw`` and ``announce``: what operators order of a node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli import exits
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.anycast import show
from dnsd.cli.drains import drain_member, undrain_member
from dnsd.cli.options import (
    config_option,
    for_option,
    json_option,
    last_option,
    reason_option,
)
from dnsd.cli.output import echo

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 20.0
"""An order is answered when BIRD has carried it out, or could not for some seconds."""


@click.group()
def drain() -> None:
    """Move clients away from this node, or from a member of pools."""


drain.add_command(drain_member)


@drain.command("node")
@config_option
@json_option
@for_option
@reason_option
@last_option
def drain_node(
    config_file: Path | None, as_json: bool, seconds: float | None, reason: str, force: bool
) -> None:
    """Make routers prefer every other node. It outlives a restart.

    The last node that announces the VIPs refuses, as far as [[anycast.probe]] tells.
    """
    _order(config_file, as_json, "drain", {"for": seconds, "reason": reason, "force": force})


@click.group()
def undrain() -> None:
    """Undo a drain."""


undrain.add_command(undrain_member)


@undrain.command("node")
@config_option
@json_option
def undrain_node(config_file: Path | None, as_json: bool) -> None:
    """Let routers prefer this node as before."""
    _order(config_file, as_json, "undrain", {})


@click.command()
@config_option
@json_option
@for_option
@reason_option
@last_option
def withdraw(
    config_file: Path | None, as_json: bool, seconds: float | None, reason: str, force: bool
) -> None:
    """Take the route of this node's VIPs away at once. It outlives a restart.

    The last node that announces the VIPs refuses, as far as [[anycast.probe]] tells.
    """
    _order(config_file, as_json, "withdraw", {"for": seconds, "reason": reason, "force": force})


@click.command()
@config_option
@json_option
def announce(config_file: Path | None, as_json: bool) -> None:
    """Take a withdrawal back, and do not wait for a hold-down to end."""
    _order(config_file, as_json, "announce", {})


def _order(
    config_file: Path | None, as_json: bool, command: str, arguments: dict[str, Any]
) -> None:
    """Order, show what is true then, and fail if it is not what was ordered, or not on disk."""
    found = ask(socket_path(config_file), command, PATIENCE_S, **arguments)
    show(found, as_json)
    if short := shortfall(command, found):
        echo(f"dnsd: {short}", err=True)
    if status := outcome(command, found):
        sys.exit(status)


def outcome(command: str, found: dict[str, Any]) -> int:
    """Return the exit status of an order after which ``found`` was true."""
    unwritten = found.get("unwritten")
    if any(problem != unwritten for problem in found["problems"]):
        return exits.FAILED
    return exits.DEGRADED if unwritten or shortfall(command, found) else 0


def shortfall(command: str, found: dict[str, Any]) -> str:
    """Return why the node is not as was ordered though the order is in force; "" if it is."""
    state, orders = found["state"], found["orders"]
    if command == "withdraw":
        still = [one["vip"] for one in found["vips"] if one["carrier"]]
        return f"the order is in force, but {', '.join(still)} still has a carrier" if still else ""
    wanted = {"undrain": {"announced"}, "announce": {"announced"}}.get(command, set())
    if command == "announce" and orders["drain"] is not None:
        wanted = {"drained"}  # that is another order, and it is obeyed
    if not wanted or state in wanted:
        return ""
    why = "; ".join(found["why"]) or "no reason is known"
    return f"the order is cleared, but the node is {state}, not {wanted.pop()}: {why}"
