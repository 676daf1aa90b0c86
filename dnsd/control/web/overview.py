"""The page about a node: what it does, and why it is announced or not.

Made of what the commands say, so it says the same.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.control.web.livepage import live_pages, template
from dnsd.control.web.traffic import QUERIES
from dnsd.control.web.verdict import verdict
from dnsd.metrics.mnemonics import counter_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dnsd.control.admin import Command
    from dnsd.control.web.server import Pages
    from dnsd.control.web.traffic import Traffic
    from dnsd.process.recent import RecentEvents

MOST_POOLS = 50
"""Pools that are shown: a page of thousands would be of no use."""
MOST_ZONES = 50
MOST_COUNTED = 5
"""Types and response codes that are named."""


class OverviewSource(NamedTuple):
    """Where the page has its facts from; ``held`` says what caches hold of an address."""

    node: str
    commands: Mapping[str, Command]
    problems: Callable[[], Sequence[str]]
    traffic: Traffic
    events: RecentEvents
    held: Callable[[str], str]


class Figure(NamedTuple):
    """A number at the top of the page."""

    value: str
    what: str
    style: str = ""


def overview_pages(source: OverviewSource) -> Pages:
    """Return the page, and the stream that renews it."""
    return live_pages(source.node, lambda: _rendered(source))


async def _rendered(source: OverviewSource) -> str:
    """Return the content of the page."""
    status: Any = await source.commands["status"]({"few": True})
    failover: Any = await source.commands["failover"]({})
    lines = source.traffic.lines
    traffic = lines.pop(QUERIES)
    pools = failover["pools"]
    problems = [*source.problems(), *status["problems"], *failover["problems"]]
    route = status["route"]
    return template("overview.html").render(
        node=source.node,
        status=status,
        route=route,
        verdict=verdict(route, source.problems()),
        figures=[*_figures(status, pools, traffic.now)],
        problems=[*dict.fromkeys([*problems, *(route["problems"] if route else ())])],
        pools=pools[:MOST_POOLS],
        more_pools=max(0, len(pools) - MOST_POOLS),
        zones=status["zones"][:MOST_ZONES],
        held=lambda member: "given out" if member["answered"] else source.held(member["address"]),
        streak=streak,
        events=source.events.latest(),
        now=time.time(),
        traffic=traffic,
        lines=[*lines.values()],
        seconds=len(source.traffic.rates),
        top_types=_most(status["counters"], "qtype_", "queries for "),
        top_codes=_most(status["counters"], "rcode_", "responses "),
    )


def _figures(
    status: Mapping[str, Any], pools: Sequence[Mapping[str, Any]], rate: float
) -> Iterator[Figure]:
    """Yield the numbers that say most."""
    yield Figure(f"{rate:,.0f}", "queries a second")
    workers = status["workers"]
    answering = sum(one["listening"] for one in workers)
    is_whole = answering == len(workers)
    yield Figure(f"{answering} of {len(workers)}", "workers answer", "" if is_whole else "bad")
    states = status["zone_states"]
    served, zones = states.get("served", 0), sum(states.values())
    yield Figure(f"{served:,} of {zones:,}", "zones as filed", "" if served == zones else "bad")
    if pools:
        whole = sum(all(one["answered"] for one in pool["members"]) for pool in pools)
        style = "" if whole == len(pools) else "warn"
        yield Figure(f"{whole:,} of {len(pools):,}", "pools answer with all members", style)
    if route := status["route"]:
        vips = route["vips"]
        out = sum(bool(one["exported_to"]) for one in vips)
        yield Figure(f"{out} of {len(vips)}", "VIPs exported", "" if out == len(vips) else "bad")


def streak(member: Mapping[str, Any]) -> str:
    """Return how many checks of ``member`` had the last one's result, one after the other."""
    if member["stable"]:
        return f"{member['stable']} ok"
    return f"{member['failures']} failed" if member["failures"] else ""


def _most(counters: Mapping[str, int], group: str, words: str) -> list[str]:
    found = [(value, name) for name, value in counters.items() if name.startswith(group) and value]
    return [
        f"{counter_name(name).removeprefix(words)} {value:,}"
        for value, name in sorted(found, reverse=True)[:MOST_COUNTED]
    ]
