"""``dnsd zone``: where zones come from and go to, and orders about their transfers."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from dnsd import config
from dnsd.cli import exits
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.output import echo
from dnsd.cli.said import say_lines
from dnsd.errors import ZoneError
from dnsd.wire.name import from_text, to_text

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.zone.records import Zone

_name = click.argument("name", metavar="[ZONE]", default="")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def zone() -> None:
    """Show zones, what differs, and their transfers; notify, refresh, fetch again."""


@zone.command()
@config_option
@json_option
@_name
def status(config_file: Path | None, as_json: bool, name: str) -> None:
    """Show where zones come from, who has them, and how their transfers went.

    All zones, or the one that is named.
    """
    rows = _order(config_file, "status", name)
    if as_json:
        echo(json.dumps(rows))
        return
    for row in rows:
        for line in lines_of(row, time.time()):
            echo(line)


@zone.command()
@config_option
@json_option
@_name
def notify(config_file: Path | None, as_json: bool, name: str) -> None:
    """Tell secondaries again which serial there is (NOTIFY).

    Of all zones, or of the one that is named.
    """
    _told(_order(config_file, "notify", name), as_json)


@zone.command()
@config_option
@json_option
@_name
def refresh(config_file: Path | None, as_json: bool, name: str) -> None:
    """Ask primaries now whether there is a new version, and fetch it if so."""
    _told(_order(config_file, "refresh", name), as_json)


@zone.command()
@config_option
@json_option
@_name
def retransfer(config_file: Path | None, as_json: bool, name: str) -> None:
    """Fetch the whole zone from its primaries (AXFR), whatever its serial is."""
    _told(_order(config_file, "retransfer", name), as_json)


@zone.command()
@config_option
@json_option
@click.argument("name", metavar="ZONE")
def show(config_file: Path | None, as_json: bool, name: str) -> None:
    """Print all records of a zone as a master file, in canonical order.

    They are read from the zone's file, or from what was received of it, as "dnsd serve" does; no
    node is asked.
    """
    # Orders need none of this, and it takes a while to load.
    from dnsd.versions.text import lines
    from dnsd.zone.stored import version_of

    given = config.resolve(config_file, config.Options())
    say_lines(as_json, lines(version_of(_loaded(given, name))))


@zone.command()
@config_option
@json_option
@click.option(
    "--since",
    type=int,
    metavar="SERIAL",
    help="Show what has changed from that serial on, as it is kept for secondaries (IXFR).",
)
@click.argument("name", metavar="ZONE")
def diff(config_file: Path | None, as_json: bool, since: int | None, name: str) -> None:
    """Show what the file of a zone would change of what a running node serves.

    Lines with - are served and not in the file, lines with + are in the file and not served. Of a
    zone that nobody may fetch, the data that is served is not shown.

    Exit status: 0 nothing differs, 4 something does.
    """
    from dnsd.cli import zonediff

    given = config.resolve(config_file, config.Options())
    served = ask(socket_path(config_file), "zone-served", zone=name)
    if since is None:
        found = zonediff.between_file(given, _loaded(given, served["zone"]), served)
    else:
        state = given.server.state_directory
        found = zonediff.between_kept(state, served["zone"], since, served["serial"])
    say_lines(as_json, found)
    if found:
        sys.exit(exits.DEGRADED)


def _loaded(given: config.Config, name: str) -> Zone:
    """Return the zone ``name`` from its file; ZoneError if that is broken, or there is none."""
    from dnsd.zone.load import load_zone

    origin = to_text(from_text(name)).lower()
    file = config.zone_files(given).get(origin)
    if file is None:
        raise ZoneError(f"{origin} is not a zone of this configuration: dnsd zones lists them")
    loaded = load_zone(origin, file, given.zones.limits, include=given.zones.include)
    if loaded.zone is None:
        raise ZoneError("\n".join(map(str, loaded.findings)), loaded.findings)
    return loaded.zone


def _told(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print what programs get of an order; people get nothing when it was taken."""
    if as_json:
        echo(json.dumps(rows))


def _order(config_file: Path | None, what: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(socket_path(config_file), "zone", what=what, zone=name)
    return found


def lines_of(row: dict[str, Any], now: float) -> list[str]:
    """Return what ``status`` prints of a zone; keys that end with ``_at`` are POSIX seconds."""
    serial = "not served" if row["serial"] is None else f"serial {row['serial']}"
    lines = [f"{row['zone']}  {serial}"]
    for key, value in row.items():
        if key in ("zone", "serial") or value is None:
            continue
        if key.endswith("_at"):
            lines.append(f"    {key.removesuffix('_at').replace('_', ' ')}: {_when(value, now)}")
        else:
            lines.append(f"    {key.replace('_', ' ')}: {value}")
    return lines


def _when(at: float, now: float) -> str:
    away = at - now
    shown = f"{abs(away):.0f} s"
    return f"in {shown}" if away > 0 else f"{shown} ago"
