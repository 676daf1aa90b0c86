"""What can be read of this node over HTTP.

    /horizon?target=ADDRESS   /horizon?name=NAME&type=TYPE   /horizon
    /status   /failover   /votes   /reach   /anycast   /metrics
    /         a page for people (see overview)
    /livez    whether control lives: it does if it answers
    /readyz   whether the node can answer, else 503 with the reasons; /health is the same page

JSON, but for the metrics; keys are only ever added.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.control.nothing import no_items
from dnsd.control.web import metrics
from dnsd.control.web.healthpages import health_pages
from dnsd.control.web.talk import Page
from dnsd.metrics.prometheus import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.control.admin import Command
    from dnsd.control.web.metrics import MetricsSource
    from dnsd.control.web.server import Arguments, Maker, Pages

JSON = "application/json"

_COMMANDS = ("horizon", "status", "failover", "votes", "reach", "anycast")
"""Admin commands that change nothing; what a node has not is not there."""


def pages(
    commands: dict[str, Command],
    source: MetricsSource,
    problems: Callable[[], list[str]],
    notices: Callable[[], Sequence[str]] = no_items,
) -> Pages:
    """Return the pages: the answers of ``commands``, the metrics of ``source``, and the health.

    ``problems`` says what keeps the node from answering, ``notices`` what operators should know.
    """

    async def measured(_arguments: Arguments) -> Page:
        return Page(CONTENT_TYPE, metrics.text(source).encode())

    found = {f"/{name}": _asking(commands[name]) for name in _COMMANDS if name in commands}
    return {**found, "/metrics": measured, **health_pages(problems, notices)}


def _asking(command: Command) -> Maker:
    async def answer(arguments: Arguments) -> Page:
        return _json(await command(dict(arguments)))

    return answer


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Page:
    return Page(JSON, msgspec.json.encode(value) + b"\n", status)
