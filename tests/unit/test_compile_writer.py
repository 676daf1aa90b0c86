"""Blocks: sizes at their limits, where a body may end, and pointers that can be moved."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from dnsd.compile.writer import MAX_BODY, Item, Sections, encode
from dnsd.errors import ImageError
from dnsd.image import layout
from dnsd.wire import rdata as rr
from dnsd.wire.records import QNAME
from dnsd.zone.records import RRset
from tests.unit.corezones import wire

BASE = wire("www.example.")
WILDCARD = wire("*.w.example.")


class Encoded(NamedTuple):
    """A block taken apart."""

    base: int
    counts: tuple[int, int, int]
    length: int
    split: int
    pieces: list[int]
    optional: list[tuple[int, int]]
    flags: int
    pointers: list[int]
    body: bytes

    def targets(self) -> list[int]:
        """Where the listed pointers point to."""
        return [int.from_bytes(self.body[at : at + 2], "big") & 0x3FFF for at in self.pointers]


def encoded(base: bytes, sections: Sections, room: int = 0) -> Encoded:
    octets = encode(base, sections, room)
    base_length, an, ns, ar, length, split, pieces, optional, _, flags, *rest = (
        layout.BLOCK.unpack_from(octets)
    )
    pointers, pool = rest[-2:]
    assert pool == 0
    at = layout.BLOCK.size
    refs = [int.from_bytes(octets[at + 4 * n :][:4], "little") for n in range(pieces)]
    at += 4 * pieces
    ends = [layout.OPTIONAL.unpack_from(octets, at + 4 * n) for n in range(optional)]
    at += 4 * optional
    places = [int.from_bytes(octets[at + 2 * n :][:2], "little") for n in range(pointers)]
    body = octets[at + 2 * pointers :]
    assert len(body) == (ends[-1][0] if ends else length)
    return Encoded(base_length, (an, ns, ar), length, split, refs, ends, flags, places, body)


def item(owner: bytes, rtype: int, *rdatas: bytes) -> Item:
    return Item(RRset(owner, rtype, 60, rdatas), owner, 60)


def opaque(*lengths: int) -> Item:
    """Records at the query name; each takes 12 octets and its length."""
    return item(
        QNAME,
        65280,
        *(
            number.to_bytes(2, "big") * (n // 2) + b"x" * (n % 2)
            for number, n in enumerate(lengths)
        ),
    )


def test_counts_and_split() -> None:
    signed = Item(
        RRset(BASE, rr.A, 60, (b"aaaa", b"bbbb")), BASE, 60, RRset(BASE, rr.RRSIG, 60, (b"sig",))
    )
    block = encoded(
        BASE,
        Sections(
            answer=[signed],
            authority=[item(BASE, rr.NS, wire("ns.example."))],
            glue=[item(wire("ns.example."), rr.A, b"cccc")],
            optional=[item(wire("a."), rr.A, b"dddd", b"eeee"), item(wire("b."), rr.A, b"ffff")],
        ),
    )
    assert block.counts == (3, 1, 1)
    assert block.split == 2 * 16 + 15 + 17
    assert block.length == block.split + 16
    assert block.optional == [(block.length + 17 + 16, 3), (block.length + 17 + 16 + 17, 4)]
    assert block.flags == layout.AUTHORITATIVE


def test_an_exact_name_needs_no_pointers() -> None:
    """Its block never moves: nothing is inserted, and the query name is always as long."""
    sections = Sections(answer=[item(BASE, rr.NS, wire("ns.example."), wire("a.ns.example."))])
    block = encoded(BASE, sections)
    assert (block.base, block.pointers) == (0, [])
    # unless pieces come between its sections
    moving = encoded(BASE, Sections(answer=sections.answer, pieces=[5]), 100)
    assert moving.base == len(BASE)
    assert moving.pieces == [5]
    assert moving.body == block.body
    assert len(moving.pointers) == 2


def test_a_wildcard_is_no_target() -> None:
    """Its labels stand for others: only what is right of the asterisk is pointed to."""
    block = encoded(WILDCARD, Sections(answer=[item(QNAME, rr.MX, b"\x00\x01" + WILDCARD)]))
    assert block.base == len(WILDCARD)
    assert block.targets() == [12 + 2]
    assert block.body.endswith(b"\x01*\xc0\x0e")


@pytest.mark.parametrize("length", [0, 1, 65535 - 16 - 255 - 512 - 12])
def test_the_longest_body(length: int) -> None:
    block = encoded(BASE, Sections(answer=[opaque(length)]))
    assert block.length == 12 + length <= MAX_BODY


def test_a_body_that_no_message_holds() -> None:
    for sections in (
        Sections(answer=[opaque(MAX_BODY - 12 + 1)]),
        Sections(answer=[opaque(40000), opaque(MAX_BODY - 40000 - 24 + 1)]),
        Sections(authority=[opaque(40000)], glue=[opaque(30000)]),
    ):
        with pytest.raises(ImageError, match=r"answer for www\.example\. would be too long"):
            encode(BASE, sections)


def test_optional_data_that_does_not_fit_is_left_out() -> None:
    fits = MAX_BODY - 12 - 5000 - 12
    block = encoded(BASE, Sections(answer=[opaque(5000)], optional=[opaque(fits), opaque(1)]))
    assert block.optional == [(MAX_BODY, 1)]
    block = encoded(BASE, Sections(answer=[opaque(5000)], optional=[opaque(fits + 1), opaque(1)]))
    assert block.optional == []


def test_places_where_a_body_may_end_are_limited() -> None:
    """Their number is one octet."""
    for number in (255, 256, 300):
        block = encoded(BASE, Sections(optional=[opaque(1) for _ in range(number)]))
        assert len(block.optional) == 255
        assert block.optional[-1] == (255 * 13, 255)


def test_pointers_in_optional_data_that_was_left_out_are_not_listed() -> None:
    last = item(wire("late."), rr.A, b"aaaa", b"bbbb")
    block = encoded(WILDCARD, Sections(optional=[opaque(MAX_BODY - 12 - 10), last]))
    assert block.pointers == []
    assert len(block.optional) == 1


# -- pointers that survive what is put in front of them --------------------------------------


def crowd(number: int) -> list[Item]:
    """Optional data full of pointers into itself: names that stand nowhere before."""
    return [item(wire(f"n{n}.other."), rr.A, b"aaaa", b"bbbb") for n in range(number)]


@pytest.mark.parametrize("room", [0, 300, 5000, 20000])
def test_targets_leave_room(room: int) -> None:
    sections = Sections(answer=[opaque(100)], optional=crowd(255), proof_expanded=layout.COVER)
    front = [opaque(8000), opaque(5500 if room < 5000 else 100)]
    block = encoded(WILDCARD, Sections(answer=front, optional=sections.optional), room)
    longest_move = 255 - len(WILDCARD) + room
    assert all(target + longest_move <= 0x3FFF for target in block.targets() if target > 16)


@pytest.mark.parametrize(
    ("split", "room", "composed"),
    [
        (100, 0, False),
        (16000, 0, False),
        (100, 400, False),
        (9000, 400, False),
        (100, 16200, True),
        (16000, 400, True),
        (layout.POINTER_LIMIT - 16 - len(BASE) - 400, 400, False),
        (layout.POINTER_LIMIT - 16 - len(BASE) - 399, 400, True),
    ],
)
def test_too_long_for_pieces_behind_it(split: int, room: int, composed: bool) -> None:
    block = encoded(BASE, Sections(answer=[opaque(split - 12)], pieces=[1]), room)
    assert block.split == split
    assert bool(block.flags & layout.COMPOSE) is composed
