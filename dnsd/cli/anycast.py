"""``dnsd anycast``: whether the VIPs are announced, to whom, since when, and why."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli import exits, watching
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.text import duration

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

_STYLES = {"announced": "green", "drained": "yellow", "withdrawn": "red", "init": "red"}


@click.command()
@config_option
@json_option
@watching.watch_option
def anycast(config_file: Path | None, as_json: bool, watch: bool) -> None:
    """Show whether the VIPs are announced, to whom, since when, and why."""
    path = socket_path(config_file)
    if watch:
        watching.watch(lambda: ask(path, "anycast"), as_json, picture)
        return
    found = ask(path, "anycast")
    show(found, as_json)
    if not found["as_ordered"]:
        sys.exit(exits.DEGRADED)


def show(found: dict[str, Any], as_json: bool) -> None:
    """Print what a node says of its anycast plane."""
    watching.show(found, as_json, picture)


def picture(found: dict[str, Any]) -> RenderableType:
    """Return the tables and sentences that show ``found``."""
    from rich.console import Group
    from rich.text import Text

    return Group(
        *(Text(line) for line in _head(found)),
        _vips(found),
        _sessions(found["bird"]["sessions"]),
        *([_probes(found["probes"])] if found.get("probes") else []),
        *(Text(f"problem: {line}", style="red") for line in found["problems"]),
        *(Text(f"advice: {line}", style="yellow") for line in found["advice"]),
    )


def _head(found: dict[str, Any]) -> list[str]:
    for_ = duration(max(0.0, time.time() - found["since"]))
    why = "; ".join(found["why"])
    lines = [f"{found['state']} for {for_}{f': {why}' if why else ''}"]
    for name, order in found["orders"].items():
        if order is not None:
            lines.append(_order(name, order))
    if found["held_down"] > 0:
        lines.append(f"held down for {found['held_down']:.0f} s more")
    bird = found["bird"]
    if bird["version"]:
        lines.append(f"BIRD {bird['version']}, started {bird['booted']}")
    return lines


def _order(name: str, order: dict[str, Any]) -> str:
    since = duration(max(0.0, time.time() - order["since"]))
    text = f"{name} ordered {since} ago"
    if order["until"] is not None:
        text += f", ends in {duration(max(0.0, order['until'] - time.time()))}"
    return f"{text}: {order['reason']}" if order["reason"] else text


def _vips(found: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("VIP", "wanted", "address", "carrier", "in BIRD", "exported to", "others")
    nobody = "unknown" if found["bird"]["error"] else "nobody"
    for vip in found["vips"]:
        where = found["interface"] if vip["address"] else "no"
        shown.add_row(
            Text(vip["vip"]),
            Text(vip["wanted"], style=_STYLES.get(vip["wanted"], "")),
            Text(f"{where}, and on {vip['elsewhere']}" if vip["elsewhere"] else where),
            "yes" if vip["carrier"] else "no",
            vip["in_bird"] or "unknown",
            Text(", ".join(map(_marked(vip), vip["exported_to"])) or nobody),
            Text(", ".join(vip["others"]) or "-"),
        )
    return shown


def _marked(vip: dict[str, Any]) -> Any:
    return lambda name: f"{name} (drained)" if name in vip["drained_to"] else name


def _sessions(sessions: list[dict[str, Any]]) -> RenderableType:
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("session", "router", "BGP", "BFD", "info")
    for one in sessions:
        state = "established" if one["established"] else "down"
        # As Text: in what BIRD says, brackets are brackets.
        cells = one["name"], one["neighbor"], state, one["bfd"] or "-", one["info"]
        shown.add_row(*map(Text, cells))
    return shown


def _probes(probes: list[dict[str, Any]]) -> RenderableType:
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("other node", "URL", "reaches this node", "is reached from here")
    for one in probes:
        says = one["fault"] and f"unknown: it {one['fault']}"
        reached = (f"{it['server']}: {it['answered']} of {it['asked']}" for it in one["servers"])
        cells = one["node"] or "-", one["url"], says or _reaches(one), "\n".join(reached)
        shown.add_row(*map(Text, cells))
    return shown


def _reaches(one: dict[str, Any]) -> str:
    """Return what another node says of this one."""
    said = (f"{family} {'yes' if yes else 'NO'}" for family, yes in one["reaches_us"].items())
    return ", ".join(said) or "not reported"
