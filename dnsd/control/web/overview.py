"""One page about the node: what it does, and why it is announced or not.

Made of what the commands say, so it says the same. It needs no script and nothing from elsewhere;
with a script it is renewed each second by server-sent events.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from functools import cache
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.control.web.talk import Page, PageStream
from dnsd.metrics.mnemonics import counter_name
from dnsd.text import duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from jinja2 import Template

    from dnsd.control.admin import Command
    from dnsd.control.web.server import Arguments, Pages
    from dnsd.control.web.traffic import Traffic
    from dnsd.process.recent import RecentEvents

RENEWED_S = 1.0
MOST_POOLS = 50
"""Pools that are shown; a page of thousands is of use to nobody."""
MOST_ZONES = 50
MOST_COUNTED = 5
"""Types and response codes that are named."""
_WIDTH, _HEIGHT = 600, 56
"""Of the picture of the traffic, with two units of air above and below."""
_HERE = Path(__file__).parent
_SCRIPT = (
    'new EventSource("/updates").onmessage = event => '
    '{ document.querySelector("main").innerHTML = event.data; };'
)
_DIGEST = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
"""By which a browser knows the page's own script, and runs no other."""


class OverviewSource(NamedTuple):
    """Where the page has its facts from; ``held`` says what caches hold of an address."""

    node: str
    commands: Mapping[str, Command]
    problems: Callable[[], Sequence[str]]
    traffic: Traffic
    events: RecentEvents
    held: Callable[[str], str]


class NodeVerdict(NamedTuple):
    """The first line: a word, the reason, and whether it is good, warn or bad."""

    word: str
    why: str
    style: str


def overview_pages(source: OverviewSource) -> Pages:
    """Return the page, and the stream that renews it."""
    overview = _Overview(source)

    async def whole(_arguments: Arguments) -> Page:
        text = _template("page.html").render(
            node=source.node, overview=await overview.now(), script=_markup(_SCRIPT), digest=_DIGEST
        )
        return Page("text/html; charset=utf-8", text.encode())

    async def updates(_arguments: Arguments) -> PageStream:
        return PageStream("text/event-stream", overview.events())

    return {"/": whole, "/updates": updates}


class _Overview:
    """The page's content, made once for all who look at it in the same second."""

    def __init__(self, source: OverviewSource) -> None:
        self._source = source
        self._making = asyncio.Lock()
        self._made_at = -inf
        self._made: Any = None

    async def now(self) -> Any:
        """Return the content, as markup."""
        async with self._making:
            if time.monotonic() - self._made_at >= RENEWED_S:
                self._made = await _rendered(self._source)
                self._made_at = time.monotonic()
        return self._made

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the content again and again, as server-sent events."""
        while True:
            lines = (await self.now()).splitlines()
            yield b"".join(b"data: %s\n" % line.encode() for line in lines) + b"\n"
            await asyncio.sleep(RENEWED_S)


async def _rendered(source: OverviewSource) -> Any:
    """Return the content of the page, as markup."""
    status: Any = await source.commands["status"]({"few": True})
    failover: Any = await source.commands["failover"]({})
    rates = source.traffic.rates
    pools = failover["pools"]
    problems = [*source.problems(), *status["problems"], *failover["problems"]]
    route = status["route"]
    return _markup(  # the template has escaped whatever it was given
        _template("overview.html").render(
            node=source.node,
            status=status,
            route=route,
            verdict=verdict(route, source.problems()),
            problems=[*dict.fromkeys([*problems, *(route["problems"] if route else ())])],
            pools=pools[:MOST_POOLS],
            more_pools=max(0, len(pools) - MOST_POOLS),
            zones=status["zones"][:MOST_ZONES],
            held=lambda member: (
                "given out" if member["answered"] else source.held(member["address"])
            ),
            events=source.events.latest(),
            now=time.time(),
            now_rate=rates[-1] if rates else 0.0,
            most_rate=max(rates, default=0.0),
            seconds=len(rates),
            line=sparkline(rates),
            top_types=_most(status["counters"], "qtype_", "queries for "),
            top_codes=_most(status["counters"], "rcode_", "responses "),
        )
    )


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def verdict(route: Mapping[str, Any] | None, problems: Sequence[str]) -> NodeVerdict:
    """Return what the node does, in a word, and why."""
    if problems:
        word = "cannot answer" if route is None else f"cannot answer, {route['state']}"
        return NodeVerdict(word, "; ".join(problems), "bad")
    if route is None:
        return NodeVerdict("answers", "; it has no VIPs to announce", "good")
    why = "; ".join(route["problems"] or route["why"])
    style = "good" if route["as_ordered"] else "warn" if route["state"] == "drained" else "bad"
    return NodeVerdict(route["state"], f": {why}" if why else "", style)


def sparkline(rates: Sequence[float]) -> str:
    """Return the points of a line through ``rates``, as SVG has them."""
    most = max(rates, default=0.0) or 1.0
    step = _WIDTH / max(len(rates) - 1, 1)
    return " ".join(
        f"{number * step:.1f},{2 + _HEIGHT * (1 - rate / most):.1f}"
        for number, rate in enumerate(rates)
    )


def _most(counters: Mapping[str, int], group: str, words: str) -> list[str]:
    found = [(value, name) for name, value in counters.items() if name.startswith(group) and value]
    return [
        f"{counter_name(name).removeprefix(words)} {value:,}"
        for value, name in sorted(found, reverse=True)[:MOST_COUNTED]
    ]


@cache
def _template(name: str) -> Template:
    """Return a template; only who looks at the page loads the library."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters["duration"] = duration
    return made.get_template(name)
