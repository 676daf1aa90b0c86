"""A line for each query, as text or as JSON. README.md explains both."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from dnsd.image.tap import TapFlag
from dnsd.metrics.mnemonics import rcode_name
from dnsd.recorder.asked import NONE, asked, is_truncated

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.image.tap import Tapped

    Line = Callable[[Tapped, int], bytes]
    """Makes the line of a query that was answered at a time of the day (ns)."""


def text(one: Tapped, at: int) -> bytes:
    """Return the line of ``one`` as text."""
    query = asked(one.query)
    client = f"{one.address}#{one.port}"
    kind = "tcp" if one.is_tcp else "udp"
    question = f"{query.name} {query.rclass} {query.rtype} {query.opcode} {query.flags}"
    sizes = f"{one.query_size} {one.response_size} {one.took / 1000:.1f}"
    answer = f"{_result(one)} {_what_became(one) or NONE}"
    return f"{_time(at)} {client} {kind} {question} {answer} {sizes}\n".encode()


def as_json(one: Tapped, at: int) -> bytes:
    """Return the line of ``one`` as a JSON object."""
    query = asked(one.query)
    return (
        msgspec.json.encode(
            {
                "time": _time(at),
                "client": one.address,
                "port": one.port,
                "protocol": "tcp" if one.is_tcp else "udp",
                "name": query.name,
                "class": query.rclass,
                "type": query.rtype,
                "opcode": query.opcode,
                "flags": query.flags,
                "rcode": _result(one),
                "result": _what_became(one),
                "query_octets": one.query_size,
                "response_octets": one.response_size,
                "microseconds": one.took / 1000,
            }
        )
        + b"\n"
    )


def _result(one: Tapped) -> str:
    return rcode_name(one.rcode)


def _what_became(one: Tapped) -> str:
    """Return what is to be said of the response beside its code; empty if nothing."""
    if one.flags & TapFlag.SLIPPED:
        return "slipped"
    if one.flags & TapFlag.LIMITED:
        return "limited"
    return "truncated" if is_truncated(one.response) else ""


def _time(at: int) -> str:
    seconds, rest = divmod(at, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06}Z"


@lru_cache(4)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
