"""``[querylog]`` and ``[dnstap]``: where a node writes what it was asked and has answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dnsd.config.kinds import Count, FilePath, OneOf, Size, SocketPath, Text

FORMATS = ("text", "json")
MESSAGES = ("both", "queries", "responses")
_BOUND = "a file that grows without a bound fills the disk"


class QuerylogConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[querylog]``: the file that ``dnsd querylog on`` has written."""

    file: Annotated[Path | None, FilePath()] = None
    """None: ``queries.log`` in the state directory."""

    format: Annotated[Literal["text", "json"], OneOf(FORMATS)] = "text"
    size: Annotated[int, Size("64KiB", "1024GiB", _BOUND)] = 256 << 20
    """Octets of the file and of the one before it, together."""


class DnstapConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[dnstap]``: a socket that gets queries and responses as dnstap messages."""

    socket: Annotated[Path | None, SocketPath()] = None
    file: Annotated[Path | None, FilePath()] = None
    size: Annotated[int, Size("64KiB", "1024GiB", _BOUND)] = 256 << 20
    """Octets of the file and of the one before it, together."""
    sample: Annotated[int, Count(1, 1_000_000, "a smaller share tells nothing")] = 1
    """One query in so many."""
    messages: Annotated[Literal["both", "queries", "responses"], OneOf(MESSAGES)] = "both"
    identity: Annotated[str | None, Text(255, "it goes into every message")] = None
    """None: that of ``[server] server_id``."""
    version: Annotated[str | None, Text(255, "it goes into every message")] = None
    """None: that of ``[server] version``."""
