"""Pools for tests: words written where control would write them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import dns.rdatatype

from dnsd import compile as compiler
from dnsd.compile.poolrecords import first_cells, members_of
from dnsd.image.selection import Selection, encode, private
from dnsd.zone.load import load_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dns.name import Name

    from dnsd.image.selection import Cells
    from dnsd.zone.records import Zone

UNDECIDED_TTL = 7


class Key(NamedTuple):
    """Which RRset is a pool."""

    owner: bytes
    rtype: int


def key(name: Name, rtype: str) -> Key:
    wire = name.canonicalize().to_wire()
    assert wire
    return Key(wire, int(dns.rdatatype.from_text(rtype)))


def load(origin: Name, text: str, now: float) -> Zone:
    loaded = load_text(str(origin), text, now=now)
    assert loaded.zone is not None, "\n".join(map(str, loaded.findings))
    return loaded.zone


def pool(zone: Zone, one: Key, **more: object) -> compiler.PoolRecords:
    """The RRset ``one`` of ``zone`` as a pool; its own signatures serve for every mask."""
    rrset = zone.nodes[one.owner][one.rtype]
    fallback = more.get("fallback", ())
    assert isinstance(fallback, tuple)
    members = len(rrset.rdatas) + len(fallback)
    rrsigs = zone.signatures.get(one.owner, {}).get(one.rtype)
    given = {
        "members": members_of(rrset),
        "undecided": (1 << len(rrset.rdatas)) - 1,
        "weights": (1,) * members,
        "ttl": UNDECIDED_TTL,
        "signatures": dict.fromkeys(range(1, 1 << members), rrsigs) if rrsigs else {},
        **more,
    }
    return compiler.PoolRecords(one.owner, one.rtype, **given)  # type: ignore[arg-type]


def fresh(count: int) -> Cells:
    """Cells in private memory."""
    return private(count)


def several(cells: Cells) -> Cells:
    """The same words, with notes of another worker's."""
    return private(len(cells.selections))._replace(selections=cells.selections)


class Decided:
    """Cells of ``pools``, and where each of them is."""

    def __init__(self, pools: Sequence[compiler.PoolRecords]) -> None:
        first, count = first_cells(len(pool.weights) for pool in pools)
        self.first = {
            Key(pool.owner, pool.rtype): cell for pool, cell in zip(pools, first, strict=True)
        }
        self.cells = fresh(count)

    def decide(self, one: Key, selection: Selection) -> None:
        self.cells.selections[self.first[one]] = encode(selection)

    def left(self, one: Key, note: int) -> float:
        """Seconds for which caches may still hold what was noted in the cell ``note``."""
        until = self.cells.cache_until[self.first[one] + note]
        return until - time.monotonic() if until else 0.0
