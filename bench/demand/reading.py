"""A log, whatever its format is: found out by its first octets."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, BinaryIO, cast

from bench.demand import packets, text
from bench.demand.log import Log, gather
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.demand.log import Query

_GZIP = b"\x1f\x8b"
_PCAP = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_CONTROL = bytes(4)
"""A frame stream begins with a control frame, whose length is 0."""
LEAST = 100
"""Queries that a log has to have."""


def read(path: Path) -> Log:
    """Return the log at ``path``, perhaps compressed by gzip; StudyError if it cannot be used."""
    try:
        with path.open("rb") as file:
            log = gather(_queries(file))
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise StudyError(f"{path}: {error}") from None
    if log.times.size < LEAST or not log.seconds:
        raise StudyError(
            f"{path} has {log.times.size} queries in {log.seconds:.0f} s: too few to tell a demand"
        )
    return log


def is_summary(path: Path) -> bool:
    """Return whether there is a demand file at ``path``, which is JSON, and no log."""
    try:
        with path.open("rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False  # whoever reads it says why


def _queries(file: BinaryIO) -> Iterator[Query]:
    head = file.read(4)
    file.seek(0)
    if head.startswith(_GZIP):
        with gzip.open(file) as inner:
            yield from _queries(cast("BinaryIO", inner))
    elif head in _PCAP or head == _PCAPNG:
        yield from packets.of_pcap(file)
    elif head == _CONTROL:
        yield from packets.of_dnstap(file)
    else:
        yield from text.queries(line.decode("utf-8", "replace").rstrip("\n") for line in file)
