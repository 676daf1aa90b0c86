"""A demand as CSV, which is known already: so much is looked up of an RRset at so many caches.

Its first line names the columns: ``name``, ``type`` and ``rate`` (lookups per second at each of so
many ``caches``), and, if they are known, ``caches`` (1), ``ttl`` (0), ``kind`` ("data") and
``sources``, as ``dnsd demand --csv`` writes it.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import msgspec

from bench.demand.text import absolute
from bench.study.errors import StudyError
from dnsd.ttladvice.demand import Caches, DemandFile, RRsetDemand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NEEDED = frozenset(("name", "type", "rate"))
_KNOWN = _NEEDED | {"caches", "ttl", "kind", "sources"}
_HEAD = 4096


def read(path: Path) -> DemandFile | None:
    """Return the demand in ``path``; None if it is no CSV with rates. StudyError if it is wrong."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}") from None
    columns = [one.strip() for one in head.split(b"\n")[0].decode("latin-1").lower().split(",")]
    return _of_csv(path, columns) if set(columns) >= _NEEDED else None


def _of_csv(path: Path, columns: Sequence[str]) -> DemandFile:
    if unknown := set(columns) - _KNOWN:
        known = ", ".join(sorted(_KNOWN))
        raise StudyError(f"{path}: the column {min(unknown)!r} is unknown: {known} are")
    rrsets: dict[tuple[str, str, str], list[tuple[float, Caches]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if number == 1 or not row:
                continue
            try:
                key, ttl, caches = _row(dict(zip(columns, map(str.strip, row), strict=True)))
            except (ValueError, msgspec.ValidationError) as error:
                raise StudyError(f"{path}: line {number}: {error}") from None
            rrsets.setdefault(key, []).append((ttl, caches))
    found = [
        {
            "name": name,
            "type": rtype,
            "kind": kind,
            "ttl": some[0][0],
            "caches": [c for _, c in some],
        }
        for (name, rtype, kind), some in rrsets.items()
    ]
    if not found:
        raise StudyError(f"{path} has no rates")
    try:
        read = msgspec.convert(msgspec.to_builtins(found), tuple[RRsetDemand, ...])
    except msgspec.ValidationError as error:
        raise StudyError(f"{path}: {error}") from None
    return DemandFile(words=f"the rates of {path.name}", rrsets=read)


def _row(row: dict[str, str]) -> tuple[tuple[str, str, str], float, Caches]:
    rate, ttl = float(row["rate"]), float(row.get("ttl") or 0)
    count = float(row.get("caches") or 1)
    if not (rate > 0 and count > 0 and ttl >= 0):
        raise ValueError("rate and caches must be more than 0, ttl not less")
    caches = Caches(count, rate, float(row.get("sources") or count))
    key = absolute(row["name"]), row["type"].upper(), row.get("kind") or "data"
    return key, ttl, caches
