"""How the services of a director are shown: where packets to their VIPs go, and why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dnsd.text import duration

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"announced": "green", "drained": "yellow", "up": "green", "down": "red"}


def picture(found: dict[str, Any]) -> RenderableType:
    """Return all of it as it is printed."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for service in found["services"]:
        parts += [_head(service), _backends(service)]
    parts += [Text(f"! {problem}", style="red") for problem in found["problems"]]
    return Group(*parts)


def _head(service: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    ports = ", ".join(map(str, service["ports"])) or "all ports"
    state, since = service["state"], duration(max(0.0, time.time() - service["since"]))
    text = Text(f"{service['service']} ({', '.join(service['vips'])}; {ports}): ")
    text.append(state, style=_STYLES.get(state, "red"))
    text.append(f" for {since}")
    for why in service["why"]:
        text.append(f"\n  {why}")
    if service["waiting"]:
        text.append(f"\n  {service['waiting']} slots wait for silence before they move")
    return text


def _backends(service: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("backend", "address", "weight", "state", "slots", "wanted", "packets/s", "why")
    for one in service["backends"]:
        rate = one["packets_per_second"]
        shown.add_row(
            Text(one["backend"]),
            Text(", ".join(one["address"])),
            str(one["weight"]),
            Text(state_of(one), style=_STYLES.get(one["state"], "yellow")),
            str(one["slots"]),
            str(one["wanted"]),
            "-" if rate is None else f"{rate:,.0f}",
            Text(one["why"] or (one["drained"] or {}).get("reason", "")),
        )
    return shown


def state_of(one: dict[str, Any]) -> str:
    """Return the state of a backend, and how far its drain is."""
    if one["drained"] is None and one["weight"]:
        return str(one["state"])
    left = "SAFE" if one["safe"] else f"{one['busy']} slots carry packets"
    return f"{one['state']}, drained: {left}"
