"""Stand-ins for parts that a node need not have."""

from __future__ import annotations

NO_TRANSFERS = (
    "this node transfers no zones: add primaries or secondaries to a [[zone]] or to [transfers], "
    "then restart dnsd"
)
"""What a command about transfers is answered with."""


def no_reason() -> str:
    """Return no reason: nothing is wrong."""
    return ""


def no_items() -> tuple[()]:
    """Return no items."""
    return ()


async def may_leave(_request: object) -> dict[str, str]:
    """Answer whether this node may be stopped: it announces nothing that others would miss."""
    return {}
