"""Names: text and order as dnspython has them, limits as RFC 1035 has them."""

from __future__ import annotations

from itertools import pairwise

import dns.exception
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.wire import name as names

LABEL_63 = b"\x3f" + b"l" * 63
NAME_255 = LABEL_63 * 3 + b"\x3d" + b"l" * 61 + b"\x00"
LABELS_127 = b"\x01a" * 127 + b"\x00"


def joined(labels: list[bytes]) -> bytes:
    """The longest name that the last of ``labels`` make."""
    while True:
        try:
            return names.join(tuple(labels))
        except ValueError:
            labels = labels[1:]


label = st.binary(min_size=1, max_size=63) | st.text("aAbBz\x00\x01.*", min_size=1, max_size=3).map(
    str.encode
)
wire_names = st.lists(label, max_size=8).map(joined)


def peer(name: bytes) -> dns.name.Name:
    return dns.name.from_wire(name, 0)[0]


@given(wire_names)
def test_text_round_trip(name: bytes) -> None:
    text = names.to_text(name)
    assert text == peer(name).to_text()
    assert names.from_text(text) == name


@given(st.text('aB.\\0129 ;"()$\t', max_size=12).filter(bool))
def test_text_is_understood_as_dnspython_does(text: str) -> None:
    try:
        expected = dns.name.from_text(text).to_wire()
    except (dns.exception.DNSException, ValueError):
        with pytest.raises(ValueError, match=r".+"):
            names.from_text(text)
    else:
        assert names.from_text(text) == expected


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("", b"\x00"),
        (".", b"\x00"),
        ("a", b"\x01a\x00"),
        (r"a\.b.c.", b"\x03a.b\x01c\x00"),
        (r"\000\255.", b"\x02\x00\xff\x00"),
        ("@.", b"\x01@\x00"),
    ],
)
def test_from_text(text: str, wire: bytes) -> None:
    assert names.from_text(text) == wire


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a..b", "1 to 63"),
        (".a", "1 to 63"),
        ("..", "1 to 63"),
        ("l" * 64, "1 to 63"),
        (".".join(["l" * 63] * 4), "255"),
        ("café.", "ASCII"),
        ("\\", "followed by a character"),
        ("\\é", "followed by a character"),
        (r"\25", "three digits"),
        (r"\256", "up to 255"),
        ("\\²22", "three digits"),
        (r"\1²3", "three digits"),
    ],
)
def test_from_text_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        names.from_text(text)


def test_longest_names() -> None:
    assert len(NAME_255) == len(LABELS_127) == names.MAX_NAME
    for name, count in ((NAME_255, 4), (LABELS_127, names.MAX_LABELS)):
        assert names.from_text(names.to_text(name)) == name
        assert names.count(name) == len(names.labels(name)) == count
        assert len(names.ancestors(name)) == count + 1
    with pytest.raises(ValueError, match="255"):
        names.join((b"l" * 63, b"l" * 63, b"l" * 63, b"l" * 62))


def test_lower_touches_ascii_letters_only() -> None:
    everything = bytes(range(256))
    changed = {c for c in everything if names.lower(everything)[c] != c}
    assert changed == set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert names.lower(everything) == everything.lower()


@given(wire_names)
def test_parts_of_a_name(name: bytes) -> None:
    labels = names.labels(name)
    assert names.join(labels) == name
    assert names.count(name) == len(labels)
    above = names.ancestors(name)
    assert above[0] == name
    assert above[-1] == names.ROOT
    assert all(names.parent(lower) == upper for lower, upper in pairwise(above))
    assert all(names.is_subdomain(name, ancestor) for ancestor in above)


@given(wire_names, wire_names)
def test_subdomains(one: bytes, other: bytes) -> None:
    one, other = names.lower(one), names.lower(other)
    assert names.is_subdomain(one, other) == peer(one).is_subdomain(peer(other))


@pytest.mark.parametrize(
    ("name", "ancestor", "below"),
    [
        (b"\x01a\x01b\x00", b"\x01b\x00", True),
        (b"\x01a\x00", b"\x00", True),
        # the octets of a label may look like a name
        (b"\x03a\x01b\x00", b"\x01b\x00", False),
        (b"\x09x\x07example\x00", b"\x07example\x00", False),
        (b"\x02\x01b\x00", b"\x01b\x00", False),
        (b"\x01b\x00", b"\x01a\x01b\x00", False),
        (b"\x00", b"\x01a\x00", False),
    ],
)
def test_subdomains_by_labels_not_octets(name: bytes, ancestor: bytes, below: bool) -> None:
    assert names.is_subdomain(name, ancestor) is below


@given(st.lists(wire_names, min_size=2, max_size=12))
def test_canonical_order_is_that_of_rfc_4034(unordered: list[bytes]) -> None:
    ordered = sorted(unordered, key=names.canonical_key)
    assert [peer(name) for name in ordered] == sorted(peer(name) for name in unordered)


def test_canonical_order_example() -> None:
    """RFC 4034 §6.1."""
    texts = [
        "example.",
        "a.example.",
        "yljkjljk.a.example.",
        "Z.a.example.",
        "zABC.a.EXAMPLE.",
        "z.example.",
        r"\001.z.example.",
        "*.z.example.",
        r"\200.z.example.",
    ]
    keys = [names.canonical_key(names.from_text(text)) for text in texts]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_canonical_order_of_low_octets() -> None:
    labels = [b"", b"\x00", b"\x00\x00", b"\x00\x01", b"\x01", b"\x01\x00", b"\x01\x01", b"\x02"]
    keys = [
        names.canonical_key(names.join((b"a" + label,) if label else (b"a",))) for label in labels
    ]
    assert keys == sorted(keys)


def test_wildcards() -> None:
    example = names.from_text("example.")
    assert names.wildcard_of(example) == names.from_text("*.example.")
    assert names.is_wildcard(names.wildcard_of(names.ROOT))
    for text in ("example.", ".", "**.example.", "a.*.example.", "*a."):
        assert not names.is_wildcard(names.from_text(text))
    # one more label than fits: a key to look for, never a name in a message
    assert len(names.wildcard_of(NAME_255)) == names.MAX_NAME + 2
