"""Image files: whole or refused; damage is found, and never hangs a search."""

from __future__ import annotations

import gc
import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.errors import ImageError
from dnsd.hotpath import Settings
from dnsd.image import layout, store
from dnsd.image.store import Image
from dnsd.metrics import counters
from tests.signing import Nsec3
from tests.unit.corezones import NOW, TCP, signed, wire, zone

TEXT = """
    www A 192.0.2.1
    mail.deep MX 10 www
    *.w TXT "text"
    alias CNAME www
    sub NS ns.sub
    ns.sub A 192.0.2.2
    d DNAME w
"""
META = b'{"serial": 7}\x00\xff'
KEY = b"a key of 16 oct."
OCTETS = bytes(compiler.build(zone(TEXT), META, key=KEY))
SIGNED = {
    "nsec": bytes(compiler.build(signed(TEXT), META)),
    "nsec3": bytes(compiler.build(signed(TEXT, nsec3=Nsec3(salt="abcd", opt_out=True)), META)),
}
QUERIES = [
    (qname, qtype)
    for qname in ("example.", "www.example.", "x.w.example.", "a.d.example.", "b.sub.example.")
    for qtype in (1, 6, 43, 255)
]

FIELDS = (
    *("magic", "version", "checksum", "size", "serial", "denial", "table", "mask", "names"),
    *("apex", "nodata", "nodata_do", "nxdomain", "nxdomain_do", "index", "count", "meta"),
    *("meta_length", "iterations", "salt_length", "depth", "salt", "apex_labels", "apex_length"),
)


def with_fields(octets: bytes, **values: int) -> bytes:
    """``octets`` with header fields changed."""
    fields = list(layout.HEADER.unpack_from(octets))
    for name, value in values.items():
        fields[FIELDS.index(name)] = value
    return layout.HEADER.pack(*fields) + octets[layout.HEADER.size :]


def field(octets: bytes, name: str) -> int:
    value: int = layout.HEADER.unpack_from(octets)[FIELDS.index(name)]
    return value


def test_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAPPED_FROM", 0)
    path = tmp_path / "example.image"
    store.save(path, OCTETS)
    store.verify(path)
    image = Image.open(path)
    assert isinstance(image.buffer, mmap.mmap)
    assert image.apex == wire("example.")
    assert image.serial == 7
    assert image.meta == META
    assert image.names == 9
    assert (image.apex_labels, image.depth) == (1, 3)
    assert image.entry_name(image.apex_entry) == image.apex
    image.close()
    with pytest.raises(ValueError, match="closed"):
        image.entry_name(image.apex_entry)


def test_images_of_the_same_zone_with_the_same_key_are_the_same() -> None:
    assert compiler.build(zone(TEXT), META, key=KEY) == OCTETS


def test_each_build_draws_a_key() -> None:
    assert len({Image(compiler.build(zone(TEXT))).key for _ in range(3)}) == 3


def test_save_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "example.image"
    path.write_bytes(b"what was there before")
    store.save(path, bytearray(OCTETS))
    assert path.read_bytes() == OCTETS
    assert list(tmp_path.iterdir()) == [path]


def test_save_fails_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot write the image .*: No such file"):
        store.save(tmp_path / "missing" / "example.image", OCTETS)
    directory = tmp_path / "directory"
    directory.mkdir()
    with pytest.raises(ImageError, match="directory"):
        store.save(directory, OCTETS)
    assert list(tmp_path.iterdir()) == [directory]


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ImageError, match="cannot read the image"):
            Image.open(path)


def test_small_images_hold_no_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "example.image"
    store.save(path, OCTETS)
    gc.collect()  # what other tests have left
    before = len(list(Path("/proc/self/fd").iterdir()))
    images = [Image.open(path) for _ in range(10)]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert {image.apex for image in images} == {images[0].apex}


def test_a_mapping_is_given_back_in_steps_and_is_whole_while_something_refers_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "UNMAPPED_AT_ONCE", mmap.PAGESIZE)
    made = compiler.build(zone("ns A 192.0.2.1"), meta=bytes(range(256)) * 256)
    store.save(tmp_path / "image", made)
    image = Image.open(tmp_path / "image")
    with memoryview(image.buffer) as view:
        with pytest.raises(BufferError):
            image.close()
        assert bytes(view) == made
    assert len(list(image.closing())) == -(-len(made) // mmap.PAGESIZE)
    assert isinstance(image.buffer, mmap.mmap)
    assert image.buffer.closed


def test_every_truncation_is_refused() -> None:
    for length in range(len(OCTETS)):
        with pytest.raises(ImageError):
            Image(OCTETS[:length])
    with pytest.raises(ImageError, match="is not whole"):
        Image(OCTETS + b"\x00")


@pytest.mark.parametrize("length", [1, layout.HEADER.size - 1, layout.HEADER.size, 1000])
def test_truncated_files_are_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "example.image"
    path.write_bytes(OCTETS[:length])
    with pytest.raises(ImageError, match=r"example\.image"):
        Image.open(path)


def found_by_verify(path: Path, at: int, bit: int) -> None:
    octets = bytearray(OCTETS)
    octets[at] ^= 1 << bit
    path.write_bytes(octets)
    with pytest.raises(ImageError):
        store.verify(path)


def test_any_flip_in_the_header_is_found(tmp_path: Path) -> None:
    for at in range(layout.HEADER.size):
        found_by_verify(tmp_path / "image", at, at % 8)


@given(at=st.integers(0, len(OCTETS) - 1), bit=st.integers(0, 7))
def test_any_flip_is_found(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    found_by_verify(tmp_path_factory.getbasetemp() / "flipped.image", at, bit)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", layout.VERSION + 1),
        ("size", len(OCTETS) - 8),
        ("denial", 3),
        ("denial", layout.NSEC_CHAIN),
        ("count", 1),
        ("table", 2**32 - 1),
        ("mask", 2**32 - 1),
        ("mask", field(OCTETS, "mask") - 1),
        ("mask", 0),
        ("names", field(OCTETS, "mask") + 1),
        ("apex", 2**32 - 1),
        ("apex", len(OCTETS) // 8),
        ("nodata", len(OCTETS) // 8 - 1),
        ("nodata_do", 2**32 - 1),
        ("nxdomain", 2**32 - 1),
        ("nxdomain_do", 2**32 - 1),
        ("meta", 2**32 - 1),
        ("meta_length", len(OCTETS)),
        ("salt_length", 255),
        ("depth", 128),
        ("depth", 0),
        ("apex_labels", 4),
        ("apex_length", 10),
    ],
)
def test_headers_that_do_not_hold_together(name: str, value: int) -> None:
    with pytest.raises(ImageError, match=r"^<memory> "):
        Image(with_fields(OCTETS, **{name: value}))


@pytest.mark.parametrize("kind", SIGNED)
def test_chains_must_lie_in_the_file(kind: str) -> None:
    octets = SIGNED[kind]
    assert Image(octets).denial_count == field(octets, "count") > 1
    for name, value in (("count", 0), ("count", 2**31), ("index", len(octets) // 8 - 1)):
        with pytest.raises(ImageError, match="is inconsistent"):
            Image(with_fields(octets, **{name: value}))


def test_not_an_image() -> None:
    with pytest.raises(ImageError, match="is not an image"):
        Image(b"")
    with pytest.raises(ImageError, match="is not an image"):
        Image(b"x" + OCTETS[1:])


@given(
    kind=st.sampled_from(sorted(SIGNED)),
    places=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1),
)
def test_a_damaged_image_is_refused_or_answers_something(
    kind: str, places: list[tuple[int, int]]
) -> None:
    """The checksum isn't read at every start; whatever is there, no query hangs or raises."""
    octets = bytearray(SIGNED[kind])
    for at, value in places:
        octets[at % len(octets)] = value
    try:
        image = Image(octets)
    except ImageError:
        return
    path = hotpath.make(Settings(), counters.fresh())
    path.put_zone(wire("example."), image)
    edns = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"
    for qname, qtype in QUERIES:
        query = b"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01" + wire(qname)
        assert path.answer(query + qtype.to_bytes(2, "big") + b"\x00\x01" + edns, NOW, TCP)
