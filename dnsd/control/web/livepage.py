"""A page for people that needs no script and nothing from elsewhere.

With a script it is renewed each second by server-sent events, and says when the node is gone;
without one the browser asks again each five seconds.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from functools import cache
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnsd.control.web.talk import Page, PageStream
from dnsd.text import duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from jinja2 import Template

    from dnsd.control.web.server import Arguments, Pages

    Render = Callable[[], Awaitable[str]]
    """Returns the content; what it shows is escaped."""

RENEWED_S = 1.0
_HERE = Path(__file__).parent
SCRIPT = (
    'const page = document.querySelector("main"), lost = document.body.classList;'
    'const source = new EventSource("/updates");'
    "source.onmessage = event => "
    '{ lost.remove("lost"); if (getSelection().isCollapsed) page.innerHTML = event.data; };'
    'source.onerror = () => lost.add("lost");'
)
"""It leaves what somebody has selected, to copy it, as it is."""
_DIGEST = b64encode(sha256(SCRIPT.encode()).digest()).decode()
"""By which a browser knows the page's own script, and runs no other."""


def live_pages(title: str, render: Render) -> Pages:
    """Return the page, and the stream that renews it."""
    content = _Content(render)

    async def whole(_arguments: Arguments) -> Page:
        text = template("page.html").render(
            title=title,
            content=_markup(await content.now()),
            script=_markup(SCRIPT),
            digest=_DIGEST,
        )
        return Page("text/html; charset=utf-8", text.encode())

    async def updates(_arguments: Arguments) -> PageStream:
        return PageStream("text/event-stream", content.events())

    return {"/": whole, "/updates": updates}


class _Content:
    """The page's content, made once for all who look at it in the same second."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._making = asyncio.Lock()
        self._made_at = -inf
        self._made = ""

    async def now(self) -> str:
        """Return the content."""
        async with self._making:
            if time.monotonic() - self._made_at >= RENEWED_S:
                self._made = await self._render()
                self._made_at = time.monotonic()
        return self._made

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the content again and again, as server-sent events."""
        while True:
            lines = (await self.now()).splitlines()
            yield b"".join(b"data: %s\n" % line.encode() for line in lines) + b"\n"
            await asyncio.sleep(RENEWED_S)


def _markup(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # the template has escaped whatever it was given


@cache
def template(name: str) -> Template:
    """Return a template; only who looks at the page loads the library."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters["duration"] = duration
    return made.get_template(name)
