"""Searching an image: the same as looking names up in a dictionary; blocks bear any query name."""

from __future__ import annotations

import zlib
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd.compile import table
from dnsd.compile.denial import chain_of
from dnsd.hotpath import blocks
from dnsd.image import layout, reader
from dnsd.image.reader import NameMatch
from dnsd.image.store import Image
from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.wire.records import Record, read
from dnsd.wire.siphash import siphash13
from dnsd.zone.records import Zone
from dnsd.zone.structure import Structure
from tests.records import records_of
from tests.signing import Nsec3
from tests.strategies import Scene, models, scenes
from tests.strategies import signed as signed_models
from tests.unit.corezones import image, signed, wire, zone


def offsets(name: bytes) -> list[int]:
    """Where the labels of ``name`` begin."""
    above = names.ancestors(name)
    return [len(name) - len(ancestor) for ancestor in above[:-1]]


def search(img: Image, name: bytes) -> NameMatch:
    return reader.search(img, name, offsets(name))


def decode(img: Image, at: int, qname: bytes, pieces: list[int] | None = None) -> list[Record]:
    """All records of the block at ``at`` in an answer for ``qname``."""
    body = blocks.with_pieces(reader.block(img, at), len(qname), pieces or [])
    message = bytes(12) + qname + bytes(4) + body.octets
    total = body.ancount + body.nscount + body.arcount
    found, end = read(message, 12 + len(qname) + 4, total)
    assert end == len(message)
    return found


def prefixed(labels: list[bytes], rest: bytes) -> bytes:
    """``rest`` below as many of ``labels`` as fit."""
    name = rest
    for label in labels:
        longer = bytes((len(label),)) + label + name
        name = longer if len(longer) <= names.MAX_NAME else name
    return name


# -- finding names ---------------------------------------------------------------------------


def walk(data: Zone, name: bytes) -> tuple[bytes, bytes, int, bool]:
    """What a search must find: source, encloser, its labels, expanded; with dictionaries."""
    shape = Structure(data)
    encloser = name
    while encloser not in shape.names:
        encloser = names.parent(encloser)
    level = names.count(encloser)
    if encloser == name:
        return name, name, level, False
    wildcard = names.wildcard_of(encloser)
    stops = shape.cuts | shape.dnames
    if wildcard in shape.names and encloser not in stops:
        return wildcard, encloser, level, True
    return b"", encloser, level, False


@given(scenes(models()))
def test_search_is_a_walk_through_a_dictionary(scene: Scene) -> None:
    data = records_of(scene.model.zone())
    img = image(data)
    for query in scene.queries:
        name = names.lower(wire(query.name.to_text()))
        found = search(img, name)
        source = img.entry_name(found.entry) if found.entry else b""
        encloser = img.entry_name(found.encloser)
        assert (source, encloser, found.level, found.expanded) == walk(data, name)


def test_all_names_of_a_large_zone() -> None:
    """More names than places of any one probe sequence."""
    img = image(zone("".join(f"n{number} A 192.0.2.1\n" for number in range(600))))
    assert img.mask + 1 == 2048
    entries = {reader.find(img, wire(f"n{number}.example.")) for number in range(600)}
    assert len(entries) == 600
    assert 0 not in entries
    assert not any(reader.find(img, wire(f"x{number}.example.")) for number in range(600))


KEY = b"a key of 16 oct."


def crowded_labels(places: int, crowd: int, many: int) -> list[str]:
    """Labels whose names under KEY belong to the first ``crowd`` of ``places``."""
    labels = (f"n{number}" for number in range(2 * many * places // crowd + 100))
    names_ = ((label, wire(f"{label}.example.")) for label in labels)
    found = (label for label, name in names_ if siphash13(KEY, name) % places < crowd)
    return list(islice(found, many))


def test_names_that_collide() -> None:
    first, second, absent = crowded_labels(8, 1, 3)
    text = f"{first} A 192.0.2.1\n{second} A 192.0.2.2\n"
    img = Image(compiler.build(zone(text), key=KEY))
    assert img.mask + 1 == 8
    one = reader.find(img, wire(f"{first}.example."))
    two = reader.find(img, wire(f"{second}.example."))
    assert img.entry_name(one) == wire(f"{first}.example.")
    assert img.entry_name(two) == wire(f"{second}.example.")
    assert reader.find(img, wire(f"{absent}.example.")) == 0


@pytest.mark.parametrize("native", [True, False])
def test_a_key_that_crowds_names_is_drawn_again(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if native:
        pytest.importorskip("dnsd.compile._table", reason="built without a C compiler")
    else:
        monkeypatch.setattr(table, "_table", None)
    labels = crowded_labels(512, 64, 250)
    for many, same in ((layout.MAX_PROBES // 2, True), (layout.MAX_PROBES + 64, False)):
        text = "".join(f"{label} A 192.0.2.1\n" for label in labels[:many])
        img = Image(compiler.build(zone(text), key=KEY))
        assert (img.key == KEY) == same
        for label in labels[:many]:
            assert reader.find(img, wire(f"{label}.example."))


def test_both_ways_to_fill_the_table_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dnsd.compile._table", reason="built without a C compiler")
    labels = [*crowded_labels(512, 64, 250), "deep.er", "*.w"]
    text = "".join(f"{label} A 192.0.2.1\n" for label in labels)
    fast = compiler.build(zone(text), key=KEY)
    monkeypatch.setattr(table, "_table", None)
    assert compiler.build(zone(text), key=KEY) == fast


def longest_probe(img: Image) -> int:
    """How many places the farthest entry is from its place."""
    places = layout.PLACE.iter_unpack(bytes(img.buffer)[img.table :][: 8 * (img.mask + 1)])
    away: list[int] = [
        place - digest & img.mask for place, (digest, ref) in enumerate(places) if ref
    ]
    return max(away)


def test_names_with_one_crc_are_names_like_others() -> None:
    """A CRC is affine: names that have one value are written down without a search."""
    labels = labels_with_one_crc(1024)
    assert len({zlib.crc32(wire(f"{label}.example.")) for label in labels}) == 1
    img = image(zone("".join(f"{label} A 192.0.2.1\n" for label in labels)))
    assert longest_probe(img) < layout.MAX_PROBES


def labels_with_one_crc(many: int) -> list[str]:
    """Labels of letters whose CRC-32 is the same: sums of changes that cancel out."""
    size = 63
    zero = zlib.crc32(b"a" * size)
    # to change "a" to "c" at one place changes the CRC by a fixed value, whatever else there is
    changes = [zlib.crc32(b"a" * at + b"c" + b"a" * (size - at - 1)) ^ zero for at in range(size)]
    basis: dict[int, tuple[int, int]] = {}
    kernel = []
    for at, change in enumerate(changes):
        value, places = change, 1 << at
        while value and value.bit_length() in basis:
            other, used = basis[value.bit_length()]
            value, places = value ^ other, places ^ used
        if value:
            basis[value.bit_length()] = value, places
        else:
            kernel.append(places)
    labels = []
    for number in range(many):
        places = 0
        for bit, combination in enumerate(kernel):
            places ^= combination * (number >> bit & 1)
        labels.append("".join("ca"[not places >> at & 1] for at in range(size)))
    return labels


def test_same_digest_but_another_name() -> None:
    """The digest alone never decides: names are compared."""
    octets = compiler.build(zone("a A 192.0.2.1"))
    img = Image(octets)
    wanted = wire("a.example.")
    at = reader.find(img, wanted) + layout.ENTRY.size
    at = octets.index(wanted, at)
    octets[at : at + len(wanted)] = wire("b.example.")
    assert reader.find(img, wanted) == 0


def test_a_table_without_an_empty_slot() -> None:
    octets = compiler.build(zone("a A 192.0.2.1"))
    img = Image(octets)
    for place in range(img.mask + 1):
        at = img.table + place * layout.PLACE.size
        octets[at : at + 8] = layout.PLACE.pack(1, 1)
    assert reader.find(img, wire("a.example.")) == 0


def test_closest_encloser_at_every_depth() -> None:
    labels = ["a"] * 120
    owner = ".".join((*labels, "example."))
    img = image(zone(f"{owner} A 192.0.2.1\n"))
    assert img.depth == 121
    for depth in range(121):
        encloser = wire(".".join((*labels[:depth], "example.")))
        for beyond in (1, 2, 100):
            below = prefixed([b"q"] * beyond, encloser)
            assert search(img, below)[2:] == (1 + depth, False)


def test_apex_alone() -> None:
    for origin in (".", "example.", "a.b.c."):
        img = image(zone("", origin))
        apex = wire(origin)
        assert search(img, apex) == (img.apex_entry, img.apex_entry, img.apex_labels, False)
        below = b"\x01q" + apex
        assert search(img, below) == (0, img.apex_entry, img.apex_labels, False)
        assert search(img, b"\x01q" + below).encloser == img.apex_entry


def test_wildcards_of_wildcards() -> None:
    img = image(zone('*.x TXT "outer"\n*.*.x TXT "inner"\n*.*.*.x TXT "innermost"\n'))
    for qname, source in (
        ("a.x.", "*.x."),
        ("a.b.x.", "*.x."),
        ("*.x.", "*.x."),
        ("a.*.x.", "*.*.x."),
        ("*.*.x.", "*.*.x."),
        ("a.*.*.x.", "*.*.*.x."),
        ("a.b.*.x.", "*.*.x."),
    ):
        found = search(img, wire(f"{qname}example."))
        assert img.entry_name(found.entry) == wire(f"{source}example.")
        assert found.expanded == (qname != source)


# -- which block -----------------------------------------------------------------------------


def types_of(img: Image, name: str, qtype: int) -> list[int]:
    entry = reader.find(img, wire(name))
    qname = wire(name)
    return [record.rtype for record in decode(img, reader.block_for(img, entry, qtype, 0), qname)]


def test_blocks_by_type() -> None:
    img = image(
        zone(
            f"""
            w MX 1 w
            w TXT "t"
            w A 192.0.2.1
            sub NS ns.sub
            sub DS 4711 13 1 {"ab" * 20}
            s.e A 192.0.2.1
            """
        )
    )
    assert types_of(img, "w.example.", rr.A) == [rr.A]
    assert types_of(img, "w.example.", rr.TXT) == [rr.TXT]
    assert types_of(img, "w.example.", rr.ANY) == [rr.A]
    assert types_of(img, "w.example.", rr.MX) == [rr.MX, rr.A]
    assert types_of(img, "sub.example.", rr.ANY) == [rr.NS]
    assert types_of(img, "sub.example.", rr.DS) == [rr.DS]
    w, ent = (reader.find(img, wire(f"{label}.example.")) for label in ("w", "e"))
    for entry, qtype in ((w, rr.AAAA), (w, 0), (w, 65535), (ent, rr.A), (ent, rr.ANY)):
        for do in (0, 1):
            assert reader.block_for(img, entry, qtype, do) == img.nodata[do]


# -- moving blocks ---------------------------------------------------------------------------

MOVING = f"""
    *.w MX 10 Mail.w
    *.w MX 20 w
    *.w A 192.0.2.1
    *.w SRV 1 2 3 mail.w
    mail.w A 192.0.2.2
    w AAAA 2001:db8::1
    sub NS ns.sub
    sub NS ns.deep.ns.sub
    sub NS mail.w
    sub DS 4711 13 1 {"ab" * 20}
    ns.sub A 192.0.2.3
    ns.deep.ns.sub AAAA 2001:db8::2
"""

prefixes = st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=60)


ZONES = {
    "plain": image(zone(MOVING)),
    "nsec": image(signed(MOVING)),
    "nsec3": image(signed(MOVING, nsec3=Nsec3(opt_out=True))),
    "root": image(signed(MOVING, ".")),
}


@given(kind=st.sampled_from(sorted(ZONES)), labels=prefixes, qtype=st.sampled_from((1, 15, 33, 99)))
def test_wildcard_blocks_bear_any_name(kind: str, labels: list[bytes], qtype: int) -> None:
    img = ZONES[kind]
    rest = b"\x01w" + img.apex
    wildcard = names.wildcard_of(rest)
    source = search(img, wildcard).entry
    qname = prefixed([b"q", *labels], rest)
    place = search(img, names.lower(qname))
    for do in (0, 1):
        at = reader.block_for(img, source, qtype, do)
        expected = [
            record._replace(owner=qname) if record.owner == wildcard else record
            for record in decode(img, at, wildcard)
        ]
        assert decode(img, at, qname) == expected
        block = reader.block(img, at)
        pieces = blocks.pieces_for(block, place, names.lower(qname), offsets(qname))
        inserted = [record for piece in pieces for record in decode(img, piece, img.apex)]
        split = block.ancount
        assert decode(img, at, qname, pieces) == [*expected[:split], *inserted, *expected[split:]]
        assert expected or inserted


@given(kind=st.sampled_from(sorted(ZONES)), labels=prefixes, do=st.integers(0, 1))
def test_referrals_bear_any_name(kind: str, labels: list[bytes], do: int) -> None:
    img = ZONES[kind]
    cut = b"\x03sub" + img.apex
    at = reader.block_for(img, reader.find(img, cut), 0, do)
    expected = decode(img, at, cut)
    assert {record.owner for record in expected if record.rtype == rr.NS} == {cut}
    assert len(expected) >= 6
    assert decode(img, at, prefixed(labels, cut)) == expected


@given(kind=st.sampled_from(("nsec", "nsec3", "root")), labels=prefixes)
def test_pieces_bear_any_name(kind: str, labels: list[bytes]) -> None:
    img = ZONES[kind]
    qname = prefixed([b"zz", *labels], img.apex)
    lower = names.lower(qname)
    place, block = blocks.locate(img, lower, offsets(qname), rr.A, 1)
    assert block
    pieces = list(dict.fromkeys(blocks.pieces_for(block, place, lower, offsets(qname))))
    alone = [record for piece in pieces for record in decode(img, piece, img.apex)]
    assert decode(img, block.at, qname, pieces) == alone
    assert {rr.SOA, rr.RRSIG} < {record.rtype for record in alone}


# -- denial ----------------------------------------------------------------------------------


def piece_owner(img: Image, piece: int) -> bytes:
    return names.lower(decode(img, piece, img.apex)[0].owner)


@given(scenes(signed_models(models())))
def test_proofs_are_those_of_the_chain(scene: Scene) -> None:
    data = records_of(scene.model.zone())
    img = image(data)
    chain = chain_of(data, Structure(data))
    assert img.denial_count == len(chain.keys)
    for query in scene.queries:
        name = names.lower(wire(query.name.to_text()))
        place = search(img, name)
        if place.entry and not place.expanded:
            continue
        (piece,) = reader.proofs(img, place, name, offsets(name), layout.COVER)
        _, level = place.encloser, place.level
        if img.denial == layout.NSEC3_CHAIN:
            while level > img.apex_labels and chain.match(ancestor(name, level)) is None:
                level -= 1
            record = chain.cover(ancestor(name, level + 1))
        else:
            record = chain.cover(name)
        assert record is not None
        assert piece_owner(img, piece) == names.lower(record.owner)


def ancestor(name: bytes, level: int) -> bytes:
    """The ancestor of ``name`` that has ``level`` labels."""
    return names.join(names.labels(name)[names.count(name) - level :])


@pytest.mark.parametrize("owners", [[], ["m"], ["b", "y"], ["a.b", "b", "c", "x.y"]])
def test_nsec_spans_by_definition(owners: list[str]) -> None:
    """Owner before the name, next name behind it; the last span goes on to the apex."""
    img = image(signed("".join(f"{owner} A 192.0.2.1\n" for owner in owners)))
    for label in ("\x00", "a", "aa", "b\x00", "bb", "m", "n", "x", "y\x00", "z", "\xff"):
        name = names.join((label.encode("latin-1"), b"example"))
        place = search(img, name)
        if place.entry:
            continue
        (piece,) = reader.proofs(img, place, name, offsets(name), layout.COVER)
        nsec = decode(img, piece, name)[0]
        following = nsec.rdata[: rr.name_end(nsec.rdata, 0)]
        key = names.canonical_key(name)
        assert names.canonical_key(nsec.owner) < key
        assert following == img.apex or key < names.canonical_key(following)


@pytest.mark.parametrize("owners", [0, 1, 2, 9])
def test_nsec3_spans_by_definition(owners: int) -> None:
    text = "".join(f"n{number} A 192.0.2.1\n" for number in range(owners))
    img = image(signed(text, nsec3=Nsec3(salt="abcd", iterations=3)))
    assert img.denial_count == owners + 1
    ranks = set()
    for number in range(100):
        name = names.join((b"q%d" % number, b"example"))
        hashed = reader.hash_name(name, img.salt, img.iterations)
        (piece,) = reader.proofs(img, search(img, name), name, offsets(name), layout.COVER)
        nsec3 = decode(img, piece, name)[0]
        owner = int(names.labels(nsec3.owner)[0], 32).to_bytes(20, "big")
        following = nsec3.rdata[8:28]
        inside = owner < hashed < following
        wrapped = following <= owner and (owner < hashed or hashed < following)
        assert inside or wrapped
        ranks.add((inside, owner < hashed))
    # the span that wraps around was hit before its end and behind its beginning
    assert {(False, True), (False, False)} <= ranks


def test_nsec3_hashes() -> None:
    """RFC 5155 appendix A."""
    salt = bytes.fromhex("aabbccdd")
    for text, expected in (
        ("example.", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
        ("a.example.", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
        ("*.w.example.", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
    ):
        hashed = reader.hash_name(wire(text), salt, 12)
        assert hashed == int(expected, 32).to_bytes(20, "big")
