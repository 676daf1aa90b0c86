"""The page about a director: its services, their backends and slots, made of what commands say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dnsd.control.web.livepage import live_pages, template
from dnsd.control.web.verdict import NodeVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.web.server import Pages
    from dnsd.process.recent import RecentEvents


def director_pages(node: str, status: Command, events: RecentEvents) -> Pages:
    """Return the page about the director ``node``, and the stream that renews it."""

    async def render() -> str:
        found: Any = await status({})
        return template("director.html").render(
            node=node,
            status=found,
            verdict=director_verdict(found),
            events=events.latest(),
            now=time.time(),
        )

    return live_pages(node, render)


def director_verdict(status: Mapping[str, Any]) -> NodeVerdict:
    """Return what the director does, in a word, and which services it does not announce."""
    away = [one["service"] for one in status["services"] if one["state"] != "announced"]
    if away:
        return NodeVerdict("not announced", ", ".join(away), "bad")
    count = len(status["services"])
    return NodeVerdict("announced", f"{count} service{'s' if count != 1 else ''}", "good")
