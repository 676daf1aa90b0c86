"""Names as zone files write them; what is wrong with them is in test_zone_findings."""

from __future__ import annotations

import pytest

from dnsd.wire.name import from_text
from dnsd.zone.names import BadName, parse_name, shown
from dnsd.zone.plain import PlainNames

ORIGIN = from_text("Example.com")


def octets(text: str) -> str:
    """Return text as the scanner gives it: a character for each octet."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@", "Example.com."),
        (".", "."),
        ("a", "a.Example.com."),
        ("a.", "a."),
        ("A.b", "A.b.Example.com."),
        ("a\\.", "a\\..Example.com."),
        ("a\\\\.", "a\\\\."),
        ("\\@", "\\@.Example.com."),
        ("a\\000\\032\\255b.", "a\\000\\032\\255b."),
        ("Bücher.中文.", "xn--bcher-kva.xn--fiq228c."),
        ("\uff21\uff22\uff23.", "abc."),
        ("a.*.", "a.*."),
    ],
)
def test_name(text: str, expected: str) -> None:
    assert parse_name(octets(text), ORIGIN) == from_text(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        ".a",
        "a..",
        "ü" * 64,
        "xn--ü",
        "a ü",
        "ü_",
        "a\uff0eb",
        "\u3002",
        "a\u200db",
        "ς",
        "\\ü",
        "\\256",
        "\\1a",
    ],
)
def test_no_name(text: str) -> None:
    with pytest.raises(BadName):
        parse_name(octets(text), ORIGIN)


def test_only_octets_that_are_utf8_can_be_letters() -> None:
    with pytest.raises(BadName, match="not UTF-8"):
        parse_name("b\xfccher", ORIGIN)


def test_what_is_shown_is_printable_and_short() -> None:
    assert shown(octets("ü\n\x00")) == "ü\\010\\000"
    assert shown("\xff") == "ÿ"
    assert shown("x" * 80) == "x" * 80
    assert shown("x" * 81) == "x" * 80 + "..."


def test_the_memory_for_suffixes_is_bounded() -> None:
    names = PlainNames(ORIGIN)
    for n in range(70_000):
        assert names.get(f"a.b{n}") == b"\x01a" + bytes((len(str(n)) + 1,)) + b"b%d" % n + ORIGIN
    assert len(names._suffixes) < 65_540
