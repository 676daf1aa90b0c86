"""The admin commands of the horizon: the node's report, and what operators declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnsd.control.horizon.ask import question_of
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.caches.report import NodeReport
    from dnsd.control.admin import Command
    from dnsd.control.horizon.ask import Horizon


def commands(horizon: Horizon) -> dict[str, Command]:
    """Return the commands by name."""

    async def ask(request: Mapping[str, Any]) -> NodeReport:
        target, name, rtype = (str(request.get(key) or "") for key in ("target", "name", "type"))
        return await horizon.report(question_of(target, name, rtype))

    async def declare_past(request: Mapping[str, Any]) -> None:
        await horizon.declare_past(int(_seconds(request, "ttl")))

    async def declare_dead(request: Mapping[str, Any]) -> None:
        await horizon.declare_dead(_node(request), _seconds(request, "ago"))

    async def declare_alive(request: Mapping[str, Any]) -> None:
        await horizon.declare_alive(_node(request))

    return {
        "horizon": ask,
        "declare_past": declare_past,
        "declare_dead": declare_dead,
        "declare_alive": declare_alive,
    }


def _node(request: Mapping[str, Any]) -> str:
    """Return the name of the node in a request, or raise AdminError."""
    node = request.get("node")
    if not isinstance(node, str) or not node:
        raise AdminError('"node" must be the name of a node')
    return node


def _seconds(request: Mapping[str, Any], key: str) -> float:
    """Return a duration in a request; AdminError if it is not one."""
    seconds = request.get(key)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        raise AdminError(f'"{key}" must be a number of seconds')
    return float(seconds)
