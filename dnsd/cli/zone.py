"""``dnsd zone``: where zones come from and go to, and orders about their transfers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from dnsd import config
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.output import echo
from dnsd.errors import ZoneError
from dnsd.wire.name import from_text, to_text

if TYPE_CHECKING:
    from pathlib import Path

_name = click.argument("name", metavar="[ZONE]", default="")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def zone() -> None:
    """Show zones and their transfers; notify secondaries, refresh, fetch anew."""


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
@_name
def notify(config_file: Path | None, name: str) -> None:
    """Tell secondaries again which serial there is (NOTIFY).

    Of all zones, or of the one that is named.
    """
    _order(config_file, "notify", name)


@zone.command()
@config_option
@_name
def refresh(config_file: Path | None, name: str) -> None:
    """Ask primaries now whether there is a new version, and fetch it if so."""
    _order(config_file, "refresh", name)


@zone.command()
@config_option
@_name
def retransfer(config_file: Path | None, name: str) -> None:
    """Fetch the whole zone from its primaries (AXFR), whatever its serial is."""
    _order(config_file, "retransfer", name)


@zone.command()
@config_option
@click.argument("name", metavar="ZONE")
def show(config_file: Path | None, name: str) -> None:
    """Print all records of a zone as a master file, in canonical order.

    They are read from the zone's file, or from what was received of it, as "dnsd serve" does; no
    node is asked.
    """
    # Orders need none of this, and it takes a while to load.
    from dnsd.versions.text import lines
    from dnsd.zone.load import load_zone
    from dnsd.zone.stored import version_of

    given = config.resolve(config_file, config.Options())
    origin = to_text(from_text(name)).lower()
    file = config.zone_files(given).get(origin)
    if file is None:
        raise ZoneError(f"{origin} is not a zone of this configuration: dnsd zones lists them")
    loaded = load_zone(origin, file, given.zones.limits, include=given.zones.include)
    if loaded.zone is None:
        raise ZoneError("\n".join(map(str, loaded.findings)), loaded.findings)
    for line in lines(version_of(loaded.zone)):
        echo(line)


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
