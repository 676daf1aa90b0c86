"""``dnsd failover``: what pools are answered with, and why; how members are; orders to them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dnsd.cli import exits, watching
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import (
    at_option,
    config_option,
    for_option,
    json_option,
    reason_option,
)
from dnsd.text import duration

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType


_STYLES = {
    "up": "green",
    "suspect": "yellow",
    "recovering": "yellow",
    "held": "yellow",
    "down": "red",
}

_SEEN_S = 0.1
"""Checks that are less late than this are in time."""

_RESULTS = {True: ("passed", "dim"), False: ("failed", "red"), None: ("unknown", "yellow")}

force_option = click.option(
    "--force", "insist", is_flag=True, help="Even if this leaves a pool with too few members."
)


class _Given(NamedTuple):
    """Options that were given before the name of a command."""

    config_file: Path | None
    as_json: bool


@click.group(invoke_without_command=True)
@config_option
@json_option
@watching.watch_option
@click.pass_context
def failover(ctx: click.Context, config_file: Path | None, as_json: bool, watch: bool) -> None:
    """Show each pool: its members, what is answered now, with which TTL, and why."""
    ctx.obj = _Given(config_file, as_json)
    if ctx.invoked_subcommand is not None:
        return
    path = socket_path(config_file)
    if watch:
        watching.watch(lambda: ask(path, "failover"), as_json, picture)
    else:
        show(ask(path, "failover"), as_json)


@failover.command("force", short_help="Force a member up or down, now or later.")
@config_option
@json_option
@for_option
@at_option
@reason_option
@force_option
@click.argument("name")
@click.argument("type")
@click.argument("member")
@click.argument("forced", type=click.Choice(("up", "down", "auto")))
@click.pass_obj
def force(
    given: _Given,
    /,
    config_file: Path | None,
    as_json: bool,
    seconds: float | None,
    at: float | None,
    reason: str,
    insist: bool,
    **what: Any,
) -> None:
    """Have MEMBER of the pool NAME TYPE count as up or down, whatever its checks say.

    With "auto" its checks decide again. Orders outlive restarts, and edits that take the member
    away. With --at it is planned: the TTL falls beforehand, so that caches have forgotten the
    answer by then (see "dnsd failover cancel"). Exit status: 4 if it is in force, but cannot be
    written down.
    """
    if at is not None and what["forced"] == "auto":
        raise click.UsageError('"auto" cannot be planned: give the order an end with --for')
    arguments: dict[str, Any] = {**what, "for": seconds, "reason": reason, "force": insist}
    arguments["at"] = at
    path = socket_path(config_file or given.config_file)
    show_ordered(ask(path, "force", **arguments), as_json or given.as_json)


@failover.command("cancel", short_help="Cancel what is planned for a member.")
@config_option
@json_option
@click.argument("name")
@click.argument("type")
@click.argument("member")
@click.pass_obj
def cancel(given: _Given, /, config_file: Path | None, as_json: bool, **what: Any) -> None:
    """Forget what is planned for MEMBER of the pool NAME TYPE; an order in force stands."""
    path = socket_path(config_file or given.config_file)
    show_ordered(ask(path, "cancel_plan", **what), as_json or given.as_json)


@failover.command("failback", short_help="Let held members come back.")
@config_option
@json_option
@click.argument("name")
@click.argument("type")
@click.argument("member", required=False)
@click.pass_obj
def failback(given: _Given, /, config_file: Path | None, as_json: bool, **what: Any) -> None:
    """Let MEMBER of the pool NAME TYPE, which has recovered, come back; or all that are held."""
    path = socket_path(config_file or given.config_file)
    show_ordered(ask(path, "failback", **what), as_json or given.as_json)


def show_ordered(found: dict[str, Any], as_json: bool) -> None:
    """Print what is true after an order, and end with 4 if it is not on disk."""
    show(found, as_json)
    if found.get("unwritten"):
        sys.exit(exits.DEGRADED)


def show(found: dict[str, Any], as_json: bool) -> None:
    """Print what a node says of its pools."""
    watching.show(found, as_json, picture)


def picture(found: dict[str, Any]) -> RenderableType:
    """Return the tables and sentences that show ``found``."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [] if found["pools"] else [Text("no pools")]
    for pool in found["pools"]:
        parts += [*_head(pool), _members(pool), *_checks(pool), *_agreements(pool), Text("")]
    parts += [
        Text(
            f"kept for {one['address']} of {one['name']} {one['type']}: {_kept(one)}",
            style="yellow",
        )
        for one in found.get("absent_orders", ())
    ]
    parts += [
        Text(f"not seen: {one['address']}: {one['why']}", style="red") for one in found["alarms"]
    ]
    parts += [
        Text(f"not agreed: {one['address']}: {one['why']}", style="red")
        for one in found.get("disputes", ())
    ]
    parts += [
        Text(f"not heard: {one['url']}: {one['fault']}", style="red")
        for one in found.get("peers", ())
        if one["fault"]
    ]
    if found.get("cut_off"):
        parts.append(Text(f"cut off: {found['cut_off']}", style="red"))
    parts += [
        Text(f"not kept: {one['name']} {one['type']}: {one['why']}", style="red")
        for one in found.get("promises", ())
    ]
    parts += _behind(found)
    parts += [Text(f"problem: {line}", style="red") for line in found["problems"]]
    return Group(*parts)


def _behind(found: dict[str, Any]) -> list[RenderableType]:
    """Return how far checks are behind their schedule, if one would see it."""
    from rich.text import Text

    if found.get("late"):
        return [Text(f"late: {found['late']}", style="red")]
    behind = found.get("behind", 0.0)
    if behind < _SEEN_S:
        return []
    return [Text(f"checks are {behind:.1f} s behind their schedule", style="yellow")]


def _head(pool: dict[str, Any]) -> list[RenderableType]:
    from rich.text import Text

    for_ = duration(max(0.0, time.time() - pool["since"]))
    answer = f"{pool['answer']}, TTL {pool['ttl']} of {pool['ttl_max']}"
    head = Text(f"{pool['name']} {pool['type']}", style="bold")
    return [head.append(f" → {answer}, for {for_}", style="not bold"), *_why(pool)]


def _why(pool: dict[str, Any]) -> list[RenderableType]:
    from rich.text import Text

    return [Text(f"  {reason}", style="dim") for reason in pool["why"]]


def _members(pool: dict[str, Any]) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("member", "answered", "state", "for", "last check", "next change", "order")
    for one in pool["members"]:
        style = "red" if one["unseen"] else _STYLES.get(one["state"], "")
        shown.add_row(
            one["address"],
            "yes" if one["answered"] else "no",
            Text(f"{one['seen_as']}{', not seen' if one['unseen'] else ''}", style=style),
            duration(max(0.0, time.time() - one["since"])),
            Text(_last(one["last"], pool["check"])),
            _change(one["next_change"]),
            Text(_order(one), style="yellow"),
        )
    return Padding(shown, (0, 0, 0, 2), expand=False)


def _checks(pool: dict[str, Any]) -> list[RenderableType]:
    """Return the results of each check of members that have several."""
    from rich.text import Text

    parts: list[RenderableType] = []
    for one in pool["members"]:
        for found in one.get("checks", ()):
            result, style = _RESULTS[found["ok"]]
            why = f": {found['detail']}" if found["detail"] else ""
            parts.append(Text(f"  {one['address']} {found['check']}: {result}{why}", style=style))
    return parts


def _agreements(pool: dict[str, Any]) -> list[RenderableType]:
    """Return who says what of each member, where several nodes decide."""
    from rich.text import Text

    parts: list[RenderableType] = []
    for one in pool["members"]:
        if (found := one.get("agreement")) is not None:
            style = "" if found["firm"] else "red"
            parts.append(Text(f"  {one['address']} is {found['sentence']}", style=style))
            parts += [Text(f"    {_vote(vote)}", style="dim") for vote in found["votes"]]
    return parts


def _vote(vote: dict[str, Any]) -> str:
    who = "this node" if vote["node"] is None else vote["node"]
    late = "" if vote["counted"] else ": too old to be counted"
    return f"{who} says {vote['state']}, {duration(vote['age'])} ago{late}"


def _last(last: dict[str, Any] | None, check: str) -> str:
    if last is None:
        return "-" if check == "none" else "none yet"
    ago = f"{max(0.0, time.time() - last['at']):.0f} s ago"
    took = f"{last['latency'] * 1000:.1f} ms"
    result = "passed" if last["ok"] else "failed"
    why = f": {last['detail']}" if last["detail"] else ""
    return f"{result} {ago}, {took}{why}"


def _change(seconds: float | None) -> str:
    return "-" if seconds is None else f"in {seconds:.0f} s"


def _order(member: dict[str, Any]) -> str:
    order, drain, plan = member["order"], member["drain"], member.get("plan")
    parts = [_planned(plan)] if plan else []
    if order is not None:
        text = f"drain: {drain['phase']}" if drain else _forced(order)
        if order["until"] is not None:
            text += f", ends in {duration(max(0.0, order['until'] - time.time()))}"
        parts.insert(0, f"{text}: {order['reason']}" if order["reason"] else text)
    return "; ".join(parts) or "-"


def _planned(plan: dict[str, Any]) -> str:
    length = "" if plan["until"] is None else f" for {duration(plan['until'] - plan['at'])}"
    reason = f": {plan['reason']}" if plan["reason"] else ""
    return f"planned at {clock(plan['at'])}: {_forced(plan)}{length}{reason}"


def _forced(order: dict[str, Any]) -> str:
    return "drain" if order["forced"] == "drain" else f"forced {order['forced']}"


def _kept(one: dict[str, Any]) -> str:
    return f"{_order({**one, 'drain': None})} ({one['why']})"


def clock(at: float) -> str:
    """Return a time of the day, with its date if that is not today."""
    when = time.localtime(at)
    today = when[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", when)
