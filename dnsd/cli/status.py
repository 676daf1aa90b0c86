"""``dnsd status``: what a running node serves, how its processes are, what they counted."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from dnsd.cli import exits
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.options import config_option, json_option
from dnsd.cli.output import echo
from dnsd.cli.tables import table
from dnsd.errors import ControlDown
from dnsd.metrics.mnemonics import counter_name
from dnsd.text import duration, shortlist

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

_STYLES = {"served": "green", "loading": "cyan", "stale": "yellow", "broken": "red"}

_NAMED = 4
"""Zones that a line names; more would not be read."""


@click.command()
@config_option
@json_option
@click.option("--all", "every", is_flag=True, help="List all zones, however many there are.")
@click.argument("zone", default="", metavar="[ZONE]")
def status(config_file: Path | None, as_json: bool, every: bool, zone: str) -> None:
    """Show what a running node serves and counts, or how one ZONE is.

    Of many zones, it lists only those that differ from their files.

    Exit status: 0 it works, 3 it is not running, 4 control is down and the workers answer.
    """
    path = socket_path(config_file)
    if zone:
        (row,) = ask(path, "status", zone=zone)["zones"]
        echo(json.dumps(row) if as_json else "\n".join(zone_lines(row, time.time())))
        return
    try:
        found = ask(path, "status", few=not every and not as_json)
    except ControlDown as error:
        _show(error.status, as_json)
        sys.exit(exits.DEGRADED)
    _show(found, as_json)


def zone_lines(row: dict[str, Any], now: float) -> list[str]:
    """Return the lines about one zone."""
    serial = "" if row["serial"] is None else f", serial {row['serial']}"
    return [
        f"{row['zone']}  {row['state']}{serial}, for {duration(max(0.0, now - row['since']))}",
        f"  file: {row['file']}",
        f"  records: {row['records']:,}",
        *_signatures(row.get("signatures")),
        *([f"  error: {row['error']}"] if row["error"] else []),
        *(f"  {finding}" for finding in row["findings"]),
    ]


def _signatures(found: dict[str, Any] | None) -> list[str]:
    """Return the line about the signatures of a zone, if it has some."""
    if found is None:
        return []
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found["end"]))
    return [f"  signatures: they {found['phrase']}; the first, of {found['first']}, at {until}"]


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        echo(json.dumps(found))
        return
    from dnsd.cli.console import SafeConsole

    console = SafeConsole()
    if "services" in found:
        from dnsd.cli.services import picture

        console.print(picture(found))
        return
    for line in _head(found):
        console.print(line)
    console.print(_workers(found["workers"]))
    if found["zones"]:
        console.print(_zones(found["zones"]))
    if found.get("aliases"):
        console.print(_aliases(found["aliases"]))
    console.print(_counters(found["counters"]))
    if found.get("limited"):
        console.print(_limited(found["limited"]))


def _head(found: dict[str, Any]) -> list[str]:
    ports = ", ".join(found["listen"])
    up = duration(found["uptime"])
    return [
        f"dnsd {found['version']}, hot path {found['hot_path']}, pid {found['pid']}, up {up}",
        f"configuration: {found['config'] or 'none: the example zones, or what options name'}; "
        f"state in {found['state_directory']}",
        f"listening on {ports}; generation {found['generation']}",
        *_states(found),
        *_building(found.get("building", ())),
        *_route(found.get("route")),
        *_transfers(found.get("transfers")),
        *_pools(found.get("pools")),
        *_demand(found.get("demand")),
        *_recorded(found),
        *(f"problem: {problem}" for problem in found["problems"]),
        *(_difference(one) for one in found.get("differences", ())),
    ]


def _difference(one: dict[str, Any]) -> str:
    return f"out of sync: {one['what']}, for {duration(one['seconds'])}"


def _states(found: dict[str, Any]) -> list[str]:
    """Return the line about zones, if not each of them is listed."""
    states = found.get("zone_states") or {}
    if len(found["zones"]) >= sum(states.values()):
        return []
    counts = ", ".join(f"{states[one]:,} {one}" for one in _STYLES if one in states)
    return [f"zones: {counts}; dnsd status --all lists them"]


def _building(zones: Sequence[dict[str, Any]]) -> list[str]:
    """Return the line about zones that are being built, if there are any."""
    if not zones:
        return []
    named = [f"{one['zone']} for {duration(one['seconds'])}" for one in zones]
    return [f"building: {', '.join(shortlist(named, _NAMED, 'and {:,} more'))}"]


def _transfers(states: dict[str, int] | None) -> list[str]:
    """Return the line about zones that are fetched, if there are any."""
    if not states or not any(states.values()):
        return []
    counts = ", ".join(f"{count:,} {state}" for state, count in states.items() if count)
    return [f"fetched zones: {counts}; see dnsd zone status"]


def _route(found: dict[str, Any] | None) -> list[str]:
    """Return the line about the VIPs, on a node that has some."""
    if found is None:
        return []
    problems = "" if found["as_ordered"] else f", not as ordered: {'; '.join(_amiss(found))}"
    since = duration(max(0.0, time.time() - found["since"]))
    return [f"route: {found['state']} for {since}{problems}; see dnsd anycast"]


def _amiss(found: dict[str, Any]) -> Sequence[str]:
    return found["problems"] or found["why"] or ("the carrier is not as wanted",)


def _pools(pools: dict[str, int] | None) -> list[str]:
    """Return the line about pools, if there are any, and the node is not older than this."""
    if not pools or not pools["pools"]:
        return []
    return [
        f"pools: {pools['pools']}, {pools['reduced']} of them reduced, {pools['unseen']} not seen; "
        "see dnsd failover"
    ]


def _demand(counted: dict[str, Any] | None) -> list[str]:
    """Return the line about demand, if it is counted."""
    if not counted:
        return []
    sample = "all pairs are kept" if not counted["full"] else "a sample of pairs is kept"
    return [
        f"demand: {counted['queries']:,} queries counted for {duration(counted['seconds'])}, "
        f"{sample}; see dnsd demand"
    ]


def _recorded(found: dict[str, Any]) -> list[str]:
    """Return a line for each place that queries are written to."""
    log = found.get("querylog") or {"on": False}
    places = [("query log", log["file"], log)] if log["on"] else []
    places += [("dnstap", one["to"], one) for one in found.get("dnstap") or ()]
    return [
        f"{what}: to {place}, {one['written']:,} queries written, {one['lost']:,} lost"
        for what, place, one in places
    ]


def _workers(workers: list[dict[str, Any]]) -> Table:
    shown = table("worker", "pid", "heartbeat", "lag", "generation", "tcp")
    for worker in workers:
        age = worker["heartbeat_age"]
        shown.add_row(
            str(worker["index"]),
            str(worker["pid"] or "-"),
            "none" if age is None else f"{age * 1000:.0f} ms ago",
            f"{worker['lag'] * 1000:.1f} ms",
            str(worker["generation"]),
            str(worker["tcp_open"]),
        )
    return shown


def _zones(zones: list[dict[str, Any]]) -> Table:
    from rich.text import Text

    shown = table("zone", "serial", "records", "state", "since", "error")
    for zone in zones:
        shown.add_row(
            Text(zone["zone"]),
            "-" if zone["serial"] is None else str(zone["serial"]),
            str(zone["records"]),
            Text(zone["state"], style=_STYLES.get(zone["state"], "")),
            f"{duration(max(0.0, time.time() - zone['since']))} ago",
            Text(zone["error"] or ""),
        )
    return shown


def _aliases(aliases: list[dict[str, Any]]) -> Table:
    from rich.text import Text

    shown = table("alias", "type", "follows", "addresses", "ttl", "confirmed", "error")
    for one in aliases:
        through = "" if one["source"] in ("", one["target"]) else f" → {one['source']}"
        age = one["age"]
        shown.add_row(
            Text(one["name"]),
            one["type"],
            Text(f"{one['target']}{through}"),
            Text(", ".join(one["addresses"]) or "those in the zone file"),
            str(one["ttl"]),
            "never" if age is None else f"{duration(age)} ago",
            Text(one["fault"], style="red"),
        )
    return shown


def _counters(counters: dict[str, int]) -> Table:
    shown = table("counter", "total")
    for name, value in counters.items():
        if value:
            shown.add_row(counter_name(name), f"{value:,}")
    return shown


def _limited(networks: list[dict[str, Any]]) -> Table:
    """Return the networks that rate limits withhold answers from."""
    shown = table("limited", "answers", "withheld", "for", "last")
    for one in networks:
        shown.add_row(
            one["network"],
            ", ".join(one["kinds"]),
            f"{one['withheld']:,}",
            duration(one["for"]),
            f"{duration(one['last'])} ago",
        )
    return shown
