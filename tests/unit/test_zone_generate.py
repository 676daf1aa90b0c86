"""$GENERATE: what named-checkzone 9.18 makes of the same templates."""

from __future__ import annotations

import pytest

from dnsd.zone.generate import BadGenerate, expand, parse_range


@pytest.mark.parametrize(
    ("template", "number", "expected"),
    [
        ("a$", 3, "a3"),
        ("a$$x$", 5, "a$x5"),
        ("a\\$$", 5, "a\\$5"),
        ("a", 5, "a"),
        ("${-5}", 5, "0"),
        ("${+1}", 5, "6"),
        ("b${0,3}", 6, "b006"),
        ("b${10,0,d}", 6, "b16"),
        ("m${-9,4,d}", 5, "m-004"),
        ("${0,4,x}-${0,0,X}-${0,4,o}", 12, "000c-C-0014"),
        ("d.${0,4,n}", 10, "d.a.0."),
        ("e.${0,0,n}", 4660, "e.4.3.2.1"),
        ("f.${0,9,N}", 0xABCD, "f.D.C.B.A.0"),
        ("g.${0,6,n}x", 4660, "g.4.3.2.1x"),
        ("g.${0,1,n}", 4660, "g.4.3.2.1"),
        ("g.${0,8,n}y", 4660, "g.4.3.2.1.y"),
        ("g.${0,10,n}z", 4660, "g.4.3.2.1.0.z"),
        ("0.${0,3,n}", 0, "0.0.0"),
        ("$", 1 << 40, str(1 << 40)),
    ],
)
def test_expand(template: str, number: int, expected: str) -> None:
    assert expand(template, number) == expected


@pytest.mark.parametrize("template", ["${", "${}", "${0,1,q}", "${0,,d}", "${a}", "${0 }"])
def test_a_wrong_modifier(template: str) -> None:
    with pytest.raises(BadGenerate, match="wrong modifier"):
        expand(template, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1-3", [1, 2, 3]), ("0-6/3", [0, 3, 6]), ("0-7/3", [0, 3, 6]), ("5-5", [5])],
)
def test_range(text: str, expected: list[int]) -> None:
    assert list(parse_range(text, 3)) == expected


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "2-1", "1-3/0", "1-2147483648", "-1-3", "a-b", "1-2/3/4", "1 - 2"]
)
def test_a_wrong_range(text: str) -> None:
    with pytest.raises(BadGenerate, match="is not a range"):
        parse_range(text, 10)


def test_a_range_has_a_limit() -> None:
    assert len(parse_range("0-2147483647/1073741824", 2)) == 2
    with pytest.raises(BadGenerate, match="more than the limit of 2"):
        parse_range("0-2", 2)
