"""Writes the records of one block: compressed, with the position of every pointer.

Knows compression (RFC 1035 §4.1.4) and the layout of a block; which records go in and why
is decided in ``answers`` and ``denial``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dnsd.errors import ImageError
from dnsd.image import layout
from dnsd.wire import name as names
from dnsd.wire.rdata import CNAME
from dnsd.wire.records import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.zone.records import RRset

HEADER_AND_QUESTION = 12 + 4
"""Octets before the body, the query name not counted."""
MAX_BODY = 65535 - HEADER_AND_QUESTION - names.MAX_NAME - 512
"""Octets of the longest body: a TCP message less header, question and a generous OPT record."""

_MAX_OPTIONAL = 255
_TTL_AND_LENGTH = 6


@dataclass(frozen=True, slots=True)
class Item:
    """An RRset to write, with the signatures that go along.

    ``owner`` replaces the RRset's own (``records.QNAME`` or a name that a wildcard gave);
    ``ttl`` too, for negative answers.
    """

    rrset: RRset
    owner: bytes
    ttl: int
    signatures: RRset | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A pool at the end of an answer: ``ref`` is that of its POOL, ``longest`` what it may need.

    ``owner`` is as in :class:`Item`. If it ``leads_on``, its records are CNAME records, behind
    which the chain may go on.
    """

    owner: bytes
    rtype: int
    ref: int
    longest: int
    leads_on: bool = False


@dataclass(slots=True)
class Sections:
    """The content of a block; if there is a ``pool``, it follows the ``answer`` and is the last."""

    answer: list[Item] = field(default_factory=list)
    pool: Chosen | None = None
    authority: list[Item] = field(default_factory=list)
    glue: list[Item] = field(default_factory=list)
    optional: list[Item] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    rcode: int = 0
    flags: int = layout.AUTHORITATIVE
    proof: int = 0
    proof_expanded: int = 0


def encode(base: bytes, sections: Sections, room: int = 0) -> bytes:
    """Return the block for ``sections``, its pointers computed for the query name ``base``.

    Up to ``room`` octets of pieces will come behind the authority section: all pointers, those
    of the pieces too, must still reach their targets then.

    When ``base`` begins with a ``*`` label it stands for any longer name below the rest: the
    whole of it is then no target for pointers. ImageError when the mandatory part is too long.
    """
    if sections.pool:
        room += sections.pool.longest
    body = _Body(base, layout.POINTER_LIMIT - room)
    ancount = body.add_all(sections.answer)
    nscount = body.add_all(sections.authority)
    split = len(body.octets)
    if sections.pool:
        body.add_template(sections.pool)
    arcount = body.add_all(sections.glue)
    length = len(body.octets)
    if length > MAX_BODY:
        raise ImageError(f"an answer for {names.to_text(base)} would be too long for any message")
    optional = body.add_optional(sections.optional, arcount)
    reaches = not room or HEADER_AND_QUESTION + len(base) + split + room <= layout.POINTER_LIMIT
    moves = body.moves or sections.pieces or sections.proof_expanded or sections.proof
    pointers = body.pointers if moves else []
    return b"".join(
        (
            layout.BLOCK.pack(
                len(base) if pointers else 0,
                ancount,
                nscount,
                arcount,
                length,
                split,
                len(sections.pieces),
                len(optional),
                sections.rcode,
                _flags(sections, reaches),
                sections.proof,
                sections.proof_expanded,
                len(pointers),
                sections.pool.ref if sections.pool else 0,
            ),
            b"".join(piece.to_bytes(4, "little") for piece in sections.pieces),
            b"".join(layout.OPTIONAL.pack(*end) for end in optional),
            b"".join(at.to_bytes(2, "little") for at in pointers),
            body.octets,
        )
    )


def _flags(sections: Sections, reaches: bool) -> int:
    """Return the flags of a block; ``reaches`` tells whether all pointers reach their targets."""
    flags = sections.flags
    if not reaches or (sections.pool and sections.pool.leads_on):
        flags |= layout.COMPOSE
    links = sum(item.rrset.rtype == CNAME for item in sections.answer)
    links += sections.pool is not None and sections.pool.rtype == CNAME
    return flags | links << layout.LINKS


class _Body:
    """The records of a block in the making."""

    def __init__(self, base: bytes, limit: int) -> None:
        self._out = Writer(base, limit)
        # a block whose base stands for many names will be moved, one of an exact name won't
        self.moves = names.is_wildcard(base)
        if self.moves:
            self._out.forget(base)

    @property
    def octets(self) -> bytearray:
        return self._out.octets

    @property
    def pointers(self) -> list[int]:
        return [at for at in self._out.pointers if at < len(self.octets)]

    def add_all(self, items: Iterable[Item]) -> int:
        """Add ``items`` and return how many records that made."""
        return sum(self.add(item) for item in items)

    def add_optional(self, items: Iterable[Item], arcount: int) -> list[tuple[int, int]]:
        """Add what still fits; return (end of the body, additional records) after each item."""
        ends: list[tuple[int, int]] = []
        fits = len(self.octets)
        for item in items:
            arcount += self.add(item)
            if len(self.octets) > MAX_BODY or len(ends) == _MAX_OPTIONAL:
                break
            fits = len(self.octets)
            ends.append((fits, arcount))
        del self.octets[fits:]
        return ends

    def add_template(self, pool: Chosen) -> None:
        """Add the beginning of each record of ``pool``."""
        self._out.add(pool.owner, pool.rtype, 0, names.ROOT)
        del self.octets[-_TTL_AND_LENGTH - len(names.ROOT) :]

    def add(self, item: Item) -> int:
        """Add the records of ``item`` and return how many they are."""
        for rdata in item.rrset.rdatas:
            self._out.add(item.owner, item.rrset.rtype, item.ttl, rdata)
        if item.signatures is None:
            return len(item.rrset.rdatas)
        for rdata in item.signatures.rdatas:
            self._out.add(item.owner, item.signatures.rtype, item.ttl, rdata)
        return len(item.rrset.rdatas) + len(item.signatures.rdatas)
