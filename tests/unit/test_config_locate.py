"""Lines of keys, against what tomllib says is there."""

from __future__ import annotations

import tomllib
from typing import Any

from dnsd.config.locate import KeyPath, lines, nearest

TEXT = '''\
top = 1   # a comment with = and [brackets]
"quoted key" = "a # no comment"
[server]
listen = [
    "a = 1",  # [inner]
    "b",
]
text = """
fake = 1
[fake]
"""
literal = \'\'\'
[fake2]\'\'\'
[zones.limits]
a.b = { c = 1, d = "}" }
[[zone]]
name = "one"

[[zone]]
name = "two"
[zone.inner]
deep = 1
[ "odd name" ]
'key' = 'x'
'''


def test_every_key_has_its_line() -> None:
    assert lines(TEXT) == {
        ("top",): 1,
        ("quoted key",): 2,
        ("server",): 3,
        ("server", "listen"): 4,
        ("server", "text"): 8,
        ("server", "literal"): 12,
        ("zones", "limits"): 14,
        ("zones", "limits", "a", "b"): 15,
        ("zone",): 16,
        ("zone", 1): 16,
        ("zone", 1, "name"): 17,
        ("zone", 2): 19,
        ("zone", 2, "name"): 20,
        ("zone", 2, "inner"): 21,
        ("zone", 2, "inner", "deep"): 22,
        ("odd name",): 23,
        ("odd name", "key"): 24,
    }


def test_every_place_is_a_key_of_tomllib() -> None:
    data = tomllib.loads(TEXT)
    for path in lines(TEXT):
        assert _has(data, path)


def _has(data: Any, path: KeyPath) -> bool:
    for part in path:
        data = data[part - 1] if isinstance(part, int) else data[part]
    return data is not None


def test_lines_may_end_with_carriage_returns() -> None:
    assert lines("a = 1\r\n[b]\r\nc = 2\r\n") == {("a",): 1, ("b",): 2, ("b", "c"): 3}


def test_a_key_without_a_line_gets_that_of_its_table() -> None:
    found = lines(TEXT)
    assert nearest(found, ("zones", "limits", "a", "b", "d")) == 15
    assert nearest(found, ("server", "nowhere")) == 3
    assert nearest(found, ("nowhere",)) == 0
