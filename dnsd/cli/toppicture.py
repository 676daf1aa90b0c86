"""The picture that ``dnsd top`` paints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dnsd.metrics.mnemonics import QTYPE_NAMES, rcode_name
from dnsd.text import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

ROWS = 10
ODD_ROWS = 4
"""Of each kind."""


def picture(found: dict[str, Any]) -> RenderableType:
    """Return all that was ``found``."""
    from rich.console import Group
    from rich.text import Text

    seen = found["queries"]
    beside = [_rates("type", _types(found["per_second"])), _rates("rcode", _rcodes(found))]
    beside += [_shares("name", seen["names"]), _shares("client", seen["clients"])]
    below = [_workers(found["workers"])]
    below += [_limited(found["limited"])] if found["limited"] else []
    below += [_pools(found["pool"])] if found["pool"] else []
    parts: list[RenderableType] = [
        *map(Text, _head(found)),
        Text(""),
        _side_by_side(beside),
        Text(""),
        _side_by_side(below),
    ]
    if any(seen[kind] for kind in ("slow", "refused", "limited")):
        parts += [Text(""), _odd(seen)]
    return Group(*parts)


def _head(found: dict[str, Any]) -> list[str]:
    rate, seen = found["per_second"], found["queries"]
    sent = rate["responses_udp"] + rate["responses_tcp"]
    sample = "all queries" if seen["one_in"] == 1 else f"one query in {seen['one_in']:,}"
    zones = ", ".join(f"{count:,} {state}" for state, count in found["zone_states"].items())
    pools = found["pools"]
    lines = [
        f"dnsd {found['version']}, pid {found['pid']}, up {duration(found['uptime'])}",
        f"queries/s: {rate['queries_udp']:,.0f} UDP, {rate['queries_tcp']:,.0f} TCP; responses/s: "
        f"{sent:,.0f}; limited/s: {rate['limited']:,.0f}",
        f"sample: {sample}, {seen['seen']:,} seen in {duration(seen['seconds'])}"
        + (f", {seen['lost']:,} lost" if seen["lost"] else ""),
        f"zones: {zones or 'none'}",
    ]
    if pools["pools"]:
        lines.append(
            f"pools: {pools['pools']}, {pools['reduced']} reduced, {pools['unseen']} not seen"
        )
    if (route := found["route"]) is not None:
        why = "" if route["as_ordered"] else f", not as ordered: {'; '.join(_amiss(route))}"
        lines.append(f"route: {route['state']}{why}")
    return lines + [f"problem: {problem}" for problem in found["problems"]]


def _amiss(route: dict[str, Any]) -> Sequence[str]:
    return route["problems"] or route["why"] or ("the carrier is not as wanted",)


def _types(rate: dict[str, float]) -> dict[str, float]:
    types = {name: rate.get(f"qtype_{number}", 0.0) for number, name in QTYPE_NAMES.items()}
    return {**types, "others": rate["qtype_other"]}


def _rcodes(found: dict[str, Any]) -> dict[str, float]:
    rcodes = {
        name.removeprefix("rcode_"): value
        for name, value in found["per_second"].items()
        if name.startswith("rcode_")
    }
    return {
        rcode_name(int(name)) if name.isdigit() else name: value for name, value in rcodes.items()
    }


def _rates(what: str, rates: dict[str, float]) -> Table:
    from dnsd.cli.tables import table

    shown = table(what, "/s")
    first = sorted((name for name in rates if rates[name] > 0), key=lambda name: -rates[name])
    for name in first[:ROWS]:
        shown.add_row(name, f"{rates[name]:,.0f}" if rates[name] >= 10 else f"{rates[name]:.1f}")
    return shown


def _shares(what: str, found: Sequence[dict[str, Any]]) -> Table:
    from dnsd.cli.tables import table

    shown = table(what, "share")
    for one in found[:ROWS]:
        shown.add_row(one["what"], f"{one['share']:.1%}")
    return shown


def _workers(workers: Sequence[dict[str, Any]]) -> Table:
    from dnsd.cli.tables import table

    shown = table("worker", "pid", "lag", "TCP", "silent")
    for one in workers[:ROWS]:
        silent = f"{one['silent']:.1f} s" if one["silent"] >= 0.1 else ""
        lag, tcp = f"{one['lag'] * 1000:.1f} ms", str(one["tcp_open"])
        shown.add_row(str(one["index"]), str(one["pid"]), lag, tcp, silent)
    return shown


def _limited(networks: Sequence[dict[str, Any]]) -> Table:
    from dnsd.cli.tables import table

    shown = table("limited", "answers", "withheld")
    for one in networks[:ROWS]:
        shown.add_row(one["network"], ", ".join(one["kinds"]), f"{one['withheld']:,}")
    return shown


def _pools(pools: Sequence[dict[str, Any]]) -> Table:
    """Return the pools, those first of which not all members are answered."""
    from dnsd.cli.tables import table

    shown = table("pool", "answered", "TTL", "members")
    for one in sorted(pools, key=_is_whole)[:ROWS]:
        states = ", ".join(f"{member['address']} {member['state']}" for member in one["members"])
        answered = f"{len(one['answered'])}/{len(one['members'])}"
        shown.add_row(f"{one['name']} {one['type']}", answered, f"{one['ttl']}", states)
    return shown


def _is_whole(pool: dict[str, Any]) -> bool:
    return len(pool["answered"]) >= len(pool["members"])


def _odd(seen: dict[str, Any]) -> Table:
    from dnsd.cli.tables import table

    shown = table("last", "at", "client", "", "name", "type", "answer", "took")
    for kind in ("slow", "refused", "limited"):
        for one in seen[kind][:ODD_ROWS]:
            at = time.strftime("%H:%M:%S", time.localtime(one["time"]))
            took = f"{one['microseconds']:,.0f} µs"
            asked = one["client"], one["protocol"], one["name"], one["type"]
            shown.add_row(kind, at, *asked, one["rcode"], took)
    return shown


def _side_by_side(tables: Sequence[Table]) -> Table:
    from rich.table import Table

    shown = Table.grid(padding=(0, 4))
    shown.add_row(*tables)
    return shown
