"""A log by what caches hold (its entries), and by RRsets that operators give TTLs (its rows).

A question is asked again when the entry that it depends on has expired: all names below a zone cut
depend on one NS RRset, A and AAAA of an alias on one CNAME, and each name that does not exist on an
entry of its own, which has the TTL that the zone's SOA gives to all of them. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.demand.log import Log, RRset

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.ttl.demand import Floats, Indices
    from dnsd.ttladvice.held import GoverningRRset

_SHARED = frozenset(("CNAME", "DNAME", "NS"))
"""Types that caches follow whatever type was asked for."""


class Rows(NamedTuple):
    """The ``log`` of entries, with the TTL of each entry, and its row as an index into ``rows``.

    ``dropped`` queries are for nothing that caches hold of the zones.
    """

    log: Log
    ttls: Floats
    row: Indices
    rows: list[GoverningRRset]
    dropped: int


def governed(log: Log, of: Callable[[str, str], GoverningRRset | None]) -> Rows:
    """Return ``log`` by entries; ``of`` says what the response to a question is held for."""
    found = [of(*one) for one in log.asked]
    kept = log.only(np.array([one is not None for one in found], dtype=bool))
    helds = [one for one in found if one is not None]
    entries: dict[tuple[str, str, int], int] = {}
    rows: dict[GoverningRRset, int] = {}
    row, ttls, asked, entry_of = [], [], list[RRset](), []
    for question, held in zip(kept.asked, helds, strict=True):
        at = rows.setdefault(held, len(rows))
        key = entry(question, held)
        if (*key, at) not in entries:
            entries[*key, at] = len(entries)
            row.append(at)
            ttls.append(held.ttl)
            asked.append(key)
        entry_of.append(entries[*key, at])
    entered = _regrouped(kept, np.array(entry_of, dtype=np.int64), asked)
    dropped = log.times.size - kept.times.size
    return Rows(entered, np.array(ttls, dtype=float), np.array(row, dtype=int), list(rows), dropped)


def entry(question: RRset, held: GoverningRRset) -> RRset:
    """Return the entry of a cache that the response to ``question`` depends on."""
    if held.kind == "referral" or held.type == "DNAME":
        return RRset(held.name, held.type)
    if held.kind == "data" and held.type in _SHARED:
        return RRset(question.name, held.type)
    return question


def _regrouped(log: Log, entry_of: Indices, asked: list[RRset]) -> Log:
    """Return ``log`` with the pairs of sources and entries, given the entry of each question."""
    if not log.times.size:
        return log._replace(asked=asked)
    keys = log.sources * len(asked) + entry_of[log.rrsets]
    unique, number = np.unique(keys, return_inverse=True)
    pairs = number[log.pairs]
    order = np.lexsort((log.times, pairs))
    return log._replace(
        pairs=pairs[order],
        times=log.times[order],
        sources=unique // len(asked),
        rrsets=unique % len(asked),
        asked=asked,
    )
