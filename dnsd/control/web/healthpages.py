"""The pages /livez, /readyz and /health, of a node or a director.

/livez    whether control lives: it does if it answers
/readyz   whether it can do its work, else 503 with the reasons; /health is the same page
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.control.nothing import no_items
from dnsd.control.web.talk import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.control.web.server import Arguments, Pages


def health_pages(
    problems: Callable[[], Sequence[str]], notices: Callable[[], Sequence[str]] = no_items
) -> Pages:
    """Return the pages that say whether the node lives, and whether it can answer."""

    async def health(_arguments: Arguments) -> Page:
        found = problems()
        status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
        return _json({"ok": not found, "problems": found, "notices": notices()}, status)

    async def lives(_arguments: Arguments) -> Page:
        return _json({"ok": True})

    return {"/livez": lives, "/readyz": health, "/health": health}


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Page:
    return Page("application/json", msgspec.json.encode(value) + b"\n", status)
