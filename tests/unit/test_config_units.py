"""Durations and sizes: what is written is what is meant, and the other way round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0.0),
        ("1s", 1.0),
        ("50ms", 0.05),
        ("250us", 0.00025),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("1.5s", 1.5),
        ("1d2h3m4s5ms6us", 93784.005006),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "1", "s", "1 s", "-1s", "1s1m", "1s1s", "1S", "1.s", "1sec", "\u0661s", "1e3s", "inf"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write numbers with the units"):
        parse_duration(text)


@given(st.integers(0, 10**15))
def test_a_duration_comes_back_from_its_text(microseconds: int) -> None:
    seconds = microseconds / 1e6
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 10**15))
def test_the_text_of_a_duration_is_canonical(microseconds: int) -> None:
    text = format_duration(microseconds / 1e6)
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize(
    ("text", "octets"),
    [("0B", 0), ("512B", 512), ("64KiB", 65536), ("1.5MiB", 3 << 19), ("1 GiB", 1 << 30)],
)
def test_size(text: str, octets: int) -> None:
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", "4", "4MB", "4kib", "MiB", "-1B", "1e3B", "4MiB "])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size: write a number with GiB, MiB, KiB or B"):
        parse_size(text)


@given(st.integers(0, 1 << 45))
def test_a_size_comes_back_from_its_text(octets: int) -> None:
    assert parse_size(format_size(octets)) == octets
