"""HTTP status codes as operators write them: 200, "200-299"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIRST, LAST = 100, 599

_RANGE = re.compile(r"(\d{3})-(\d{3})", re.ASCII)


def read_range(text: str) -> range:
    """Return the codes of a range such as "200-299"; ValueError if it is not one."""
    found = _RANGE.fullmatch(text)
    if not found or not FIRST <= int(found[1]) <= int(found[2]) <= LAST:
        raise ValueError(
            f'{text!r} is not a range of status codes from {FIRST} to {LAST}, such as "200-299"'
        )
    return range(int(found[1]), int(found[2]) + 1)


def in_words(codes: Iterable[int]) -> str:
    """Return ``codes`` in words: "200 or 204", "200-299"."""
    spans = [
        str(first) if first == last else f"{first}-{last}" for first, last in _spans(sorted(codes))
    ]
    return " or ".join(spans)


def _spans(codes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last one of each unbroken row."""
    found: list[tuple[int, int]] = []
    for code in codes:
        if found and code <= found[-1][1] + 1:
            found[-1] = found[-1][0], code
        else:
            found.append((code, code))
    return found
