"""The queries of a capture, each at its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.name
from dns.rdatatype import RdataType

from bench.demand.packets import of_pcap
from bench.queries.draw import Query
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path


def replayed(path: Path, speed: float, seconds: float) -> tuple[list[float], list[Query]]:
    """Return when queries are due, and the queries: ``speed`` times as fast as they were captured.

    What falls due after ``seconds`` is left out. StudyError where the file has no queries.
    """
    try:
        with path.open("rb") as file:
            found = sorted(of_pcap(file), key=lambda query: query.when)
    except (ValueError, OSError) as error:
        raise StudyError(f"{path} is no capture that can be read: {error}") from None
    if not found:
        raise StudyError(f"{path} has no queries over UDP to port 53")
    dues = [(query.when - found[0].when) / speed for query in found]
    kept = [(due, query) for due, query in zip(dues, found, strict=True) if due <= seconds]
    queries = [
        Query(dns.name.from_text(query.name), RdataType.from_text(query.rtype)) for _, query in kept
    ]
    return [due for due, _ in kept], queries
