"""How many of several checks must pass: "all", "any", a number, or "2 of 3"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from dnsd.config.kinds import wanted

if TYPE_CHECKING:
    from pathlib import Path

_OF = re.compile(r"(\d{1,3}) of (\d{1,3})", re.ASCII)


class Need(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``least`` of ``total``; 0 for ``least`` means all, 0 for ``total`` any number."""

    least: int = 0
    total: int = 0

    def written(self) -> int | str:
        """Return it as a configuration writes it."""
        if self.total:
            return f"{self.least} of {self.total}"
        return {0: "all", 1: "any"}.get(self.least, self.least)

    def of(self, total: int) -> int:
        """Return how many of ``total`` must pass; ValueError if that is impossible."""
        if self.total not in (0, total):
            raise ValueError(f"{self.least} of {self.total}: there are {total}")
        if self.least > total:
            raise ValueError(f"{self.least} can never be reached: there are only {total}")
        return self.least or total


class NeedKind(msgspec.Struct, frozen=True):
    """``"all"``, ``"any"``, a number, or ``"2 of 3"``."""

    def read(self, value: object, _base: Path) -> Need:
        """Return the need."""
        what = '"all", "any", a number from 1, or "2 of 3"'
        if type(value) is int:
            found = Need(value)
        elif value == "all":
            return Need()
        elif value == "any":
            found = Need(1)
        elif isinstance(value, str):
            match = _OF.fullmatch(value)
            found = Need(int(match[1]), int(match[2])) if match else Need(-1)
        else:
            raise wanted(what, value)
        if found.least < 1 or (found.total and found.least > found.total):
            raise ValueError(f"must be {what}, not {value!r}")
        return found
