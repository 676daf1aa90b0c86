"""A change as receivers get it: plain values, which become JSON. Keys are never removed."""

from __future__ import annotations

import time
from typing import Any

import msgspec

LONGEST = 32_768
"""The largest change as JSON, in octets, so that a pipe takes it whole; else reasons go."""

News = dict[str, Any]


def news(event: str, **what: Any) -> News:
    """Return a change that happens now; ``event`` is its kind."""
    return {"event": event, "at": round(time.time(), 3), **what}


def encoded(change: News, node: str, number: int) -> bytes:
    """Return ``change`` as JSON, with the ``node`` that reports it and its ``number`` there."""
    whole = {"node": node, "number": number, **change}
    octets = msgspec.json.encode(whole)
    if len(octets) > LONGEST:
        octets = msgspec.json.encode({**whole, "why": "too long to be shown here"})
    return octets
