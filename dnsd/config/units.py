"""Durations and sizes as users write them: ``"1h30m"``, ``"50ms"``, ``"4MiB"``.

Knows text and numbers; which bounds a setting has is said where the setting is declared.
"""

from __future__ import annotations

import re

MICROSECONDS = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}
MICROSECONDS |= {"ms": 1_000, "us": 1}
"""Microseconds of each unit of time, from large to small."""

OCTETS = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}
"""Octets of each unit of size, from large to small."""

_AMOUNT = r"(\d{{1,12}}(?:\.\d{{1,6}})?){unit}"
_DURATION = re.compile("".join(f"(?:{_AMOUNT.format(unit=unit)})?" for unit in MICROSECONDS))
_SIZE = re.compile(rf"(\d{{1,15}}(?:\.\d{{1,6}})?) ?({'|'.join(OCTETS)})", re.ASCII)


def parse_duration(text: str) -> float:
    """Return the seconds of ``text``: numbers with d, h, m, s, ms, us, from large to small.

    ValueError is a sentence that says what to write.
    """
    match = _DURATION.fullmatch(text)
    if not text or not match or not text.isascii():
        raise ValueError(
            f"{text!r} is not a duration: write numbers with the units d, h, m, s, ms, us, from "
            'large to small, such as "1h30m" or "50ms"'
        )
    amounts = zip(match.groups(), MICROSECONDS.values(), strict=True)
    return round(sum(float(amount) * unit for amount, unit in amounts if amount)) / 1e6


def format_duration(seconds: float) -> str:
    """Return the shortest text that :func:`parse_duration` reads as ``seconds``."""
    left = round(seconds * 1e6)
    parts = []
    for unit, size in MICROSECONDS.items():
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Return the octets of ``text``: a number with GiB, MiB, KiB or B.

    ValueError is a sentence that says what to write.
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(
            f'{text!r} is not a size: write a number with GiB, MiB, KiB or B, such as "4MiB"'
        )
    return round(float(match[1]) * OCTETS[match[2]])


def format_size(octets: int) -> str:
    """Return ``octets`` in the largest unit that leaves a whole number."""
    for unit, size in OCTETS.items():
        if octets >= size and octets % size == 0:
            return f"{octets // size}{unit}"
    return "0B"
