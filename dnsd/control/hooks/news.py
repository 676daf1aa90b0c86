"""A change as it is told: plain values, which become JSON. Keys are only ever added."""

from __future__ import annotations

import time
from typing import Any

import msgspec

LONGEST = 32_768
"""Octets of a change as JSON: it fits into a pipe at once. Where it is more, the reasons go."""

News = dict[str, Any]


def news(event: str, **what: Any) -> News:
    """Return a change that happens now: ``event`` says of what kind it is."""
    return {"event": event, "at": round(time.time(), 3), **what}


def encoded(change: News, node: str, number: int) -> bytes:
    """Return ``change`` as JSON with the ``node`` that tells it and its ``number`` there."""
    whole = {"node": node, "number": number, **change}
    octets = msgspec.json.encode(whole)
    if len(octets) > LONGEST:
        octets = msgspec.json.encode({**whole, "why": "too long to be shown here"})
    return octets
