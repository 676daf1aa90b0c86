"""Nothing to tell: the defaults for what a part asks of others that a node need not have."""

from __future__ import annotations


def no_reason() -> str:
    """Return no reason: nothing is wrong."""
    return ""


def no_items() -> tuple[()]:
    """Return no items."""
    return ()
