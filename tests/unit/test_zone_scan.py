"""Scanning: tokens come out as they went in, faults are found where they begin, nothing hangs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.zone.scan import Entry, Scanner, SyntaxFault, decode

LIMIT = 1 << 20


def scan(text: str) -> list[Entry | SyntaxFault]:
    scanner = Scanner(text, LIMIT)
    found = []
    while (item := scanner.next()) is not None:
        found.append(item)
    return found


def words(text: str) -> list[tuple[int, list[str]] | tuple[int, str]]:
    """Return line and tokens of each entry (``>``: blank owner), line and code of each fault."""
    return [
        (item.line, item.code)
        if isinstance(item, SyntaxFault)
        else (
            item.line,
            [">"] * item.blank + [f'"{t.text}' if t.quoted else t.text for t in item.tokens],
        )
        for item in scan(text)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \n\t; only a comment\n", []),
        ("a b", [(1, ["a", "b"])]),
        ("a\tb ;c\nd", [(1, ["a", "b"]), (2, ["d"])]),
        (" a b\n\n\tc", [(1, [">", "a", "b"]), (3, [">", "c"])]),
        ("a;b\n;c\nd", [(1, ["a"]), (3, ["d"])]),
        ("a ( b\nc ; )\n ) d\ne", [(1, ["a", "b", "c", "d"]), (4, ["e"])]),
        ("a((b)\n)c\nd", [(1, ["a", "b", "c"]), (3, ["d"])]),
        ("(a\n) b", [(1, ["a", "b"])]),
        ("()\n(\n)\na", [(4, ["a"])]),
        ('a "b c" "" "d;e" "("', [(1, ["a", '"b c', '"', '"d;e', '"('])]),
        ('a "b"c"d"', [(1, ["a", '"b', "c", '"d'])]),
        ('a "\\"" \\" \\; \\( a\\ b', [(1, ["a", '"\\"', '\\"', "\\;", "\\(", "a\\ b"])]),
        ("a \\\\ b\nc", [(1, ["a", "\\\\", "b"]), (2, ["c"])]),
        ("a\r\nb\r\n", [(1, ["a"]), (2, ["b"])]),
        ("a\rb", [(1, ["a"]), (1, ["b"])]),
        ('a "b\nc', [(1, "unterminated-quote"), (2, ["c"])]),
        ('a ( "b\n  c)\nd', [(1, "unterminated-quote"), (3, ["d"])]),
        ("a (\n b\n\n;c\nd", [(1, "unbalanced-parenthesis"), (5, ["d"])]),
        ("a\n b (\n c\n )(\n d\ne", [(1, ["a"]), (4, "unbalanced-parenthesis"), (6, ["e"])]),
        ("a )b\nc", [(1, "unbalanced-parenthesis"), (2, ["c"])]),
        ("a \\\nb", [(1, "bad-escape"), (2, ["b"])]),
        ('a "\\\nb', [(1, "unterminated-quote"), (2, ["b"])]),
        ("a \0b\nc", [(1, "nul-octet"), (2, ["c"])]),
        ("a \\\0b\nc", [(1, "bad-escape"), (2, ["c"])]),
        ("a ;\0\nc", [(1, ["a"]), (2, ["c"])]),
    ],
)
def test_scan(text: str, expected: list[object]) -> None:
    assert words(decode(text.encode())) == expected


def test_a_token_knows_whether_it_is_glued_to_the_one_before() -> None:
    (entry,) = scan('a= "b" c="d"(e')[:1]
    assert isinstance(entry, SyntaxFault)
    (entry,) = scan('a= "b" c="d"(e)')
    assert isinstance(entry, Entry)
    assert [t.spaced for t in entry.tokens] == [True, True, True, False, True]


def test_a_byte_order_mark_is_no_text() -> None:
    assert words(decode(b"\xef\xbb\xbfa b")) == [(1, ["a", "b"])]


def test_every_octet_survives() -> None:
    octets = bytes(set(range(256)) - set(b'\0\n\r"\\'))
    (entry,) = scan(decode(b'a "' + octets + b'"'))
    assert isinstance(entry, Entry)
    assert entry.tokens[1].text.encode("latin-1") == octets


PLAIN = st.characters(min_codepoint=1, max_codepoint=255, exclude_characters=' \t\r\n"();\\')
QUOTABLE = st.characters(min_codepoint=1, max_codepoint=255, exclude_characters='\r\n"\\')
ESCAPED = st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n").map(
    lambda c: "\\" + c
)
WORD = st.lists(PLAIN | ESCAPED, min_size=1, max_size=5).map("".join)
QUOTED = st.lists(QUOTABLE | ESCAPED, max_size=5).map(lambda parts: '"' + "".join(parts))
SPACE = st.text(" \t", min_size=1, max_size=3)
COMMENT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=5).map(
    lambda text: f";{text}"
)
BREAK = st.tuples(st.just("") | SPACE, st.just("") | COMMENT).map(lambda t: f"{''.join(t)}\n")


@st.composite
def rendered(draw: st.DrawFn) -> tuple[list[tuple[int, list[str]]], str]:
    """Return entries, and a text with blank lines, comments, parentheses that holds just them."""
    text, line, entries = "", 1, []
    for _ in range(draw(st.integers(0, 4))):
        for gap in draw(st.lists(BREAK, max_size=2)):
            text += gap
            line += 1
        tokens = draw(st.lists(WORD | QUOTED, min_size=1, max_size=5))
        blank = draw(st.booleans())
        entries.append((line, [">"] * blank + tokens))
        text += draw(SPACE) if blank else ""
        depth = 0
        for token in tokens:
            text += token + '"' * (token[0] == '"')
            for part in draw(st.lists(st.sampled_from(["(", ")", "break"]), max_size=3)):
                if part == "(":
                    depth += 1
                    text += part
                elif part == ")" and depth:
                    depth -= 1
                    text += part
                elif part == "break" and depth:
                    text += draw(BREAK)
                    line += 1
            text += draw(SPACE)
        text += ")" * depth + draw(BREAK)
        line += 1
    return entries, text


@given(rendered())
def test_entries_survive_awkward_rendering(case: tuple[list[tuple[int, list[str]]], str]) -> None:
    entries, text = case
    assert words(text) == entries


NASTY = st.text(st.sampled_from('a1 \t\r\n"();\\\0$@.\xff'), max_size=60)


@given(NASTY | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_any_text_is_scanned_to_its_end(text: str) -> None:
    scanner = Scanner(text, 40)
    at, line = -1, 0
    while (item := scanner.next()) is not None:
        assert at < scanner.at <= len(text)
        assert line < item.line <= 1 + text.count("\n") or "\r" in text
        at, line = scanner.at, item.line
    assert scanner.at == len(text)
