"""TTLs as zone files write them, and which one a record without a TTL gets.

TTLs are seconds, or numbers with units as in ``1h30m``.
"""

from __future__ import annotations

import re

MAX_TTL = (1 << 31) - 1
"""The longest TTL in seconds (RFC 2181 §8)."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WITH_UNITS = re.compile(r"(?:[0-9]{1,10}[smhdw])+", re.IGNORECASE)
_PART = re.compile(r"([0-9]+)([smhdw])", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,10}")
_REMEMBERED = 1024
_MAX_TEXT = 64


def parse_ttl(text: str) -> int | None:
    """Return the seconds that ``text`` means, None when it is not a TTL of 0 to MAX_TTL."""
    if len(text) > _MAX_TEXT:
        return None
    if _SECONDS.fullmatch(text):
        seconds = int(text)
    elif _WITH_UNITS.fullmatch(text):
        seconds = sum(int(n) * _UNITS[unit.lower()] for n, unit in _PART.findall(text))
    else:
        return None
    return seconds if seconds <= MAX_TTL else None


class TtlRules:
    """The TTL of each record in turn: its own, else $TTL, else the last one that was stated.

    The last is RFC 1035 §5.1; the rest RFC 2308 §4. None means that there is none of these.
    """

    def __init__(self) -> None:
        self.default: int | None = None
        self._last: int | None = None
        self._known: dict[str, int] = {}

    @property
    def implicit(self) -> int | None:
        """The TTL of a record that states none."""
        return self._last if self.default is None else self.default

    def stated(self, text: str) -> int | None:
        """Return the TTL a record states, None when ``text`` is not a TTL."""
        ttl = self._known.get(text)
        if ttl is None:
            ttl = parse_ttl(text)
            if ttl is None:
                return None
            if len(self._known) < _REMEMBERED:
                self._known[text] = ttl
        self._last = ttl
        return ttl
