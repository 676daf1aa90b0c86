"""``[querylog]`` and ``[dnstap]``: where a node writes what it was asked and has answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dnsd.config.kinds import FilePath, OneOf, Size

FORMATS = ("text", "json")


class QuerylogConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[querylog]``: the file that ``dnsd querylog on`` has written."""

    file: Annotated[Path | None, FilePath()] = None
    """None: ``queries.log`` in the state directory."""

    format: Annotated[Literal["text", "json"], OneOf(FORMATS)] = "text"
    size: Annotated[
        int, Size("64KiB", "1024GiB", "a file that grows without a bound fills the disk")
    ] = 256 << 20
    """Octets of the file and of the one before it, together."""
