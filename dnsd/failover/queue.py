"""The longest that a check waits for its turn.

Only so many checks are under way at once: in all, of one address, and of programs. Each target
stands in one *line*: that of its address, or that of the programs. The worst case is that all
others hang until their time-outs, and that all are due at once.

The schedule begins first what is to have begun first, and no target waits twice at once. So when
a check is due, each other target stands before it once at most, and

    in its line     n − 1 others, m at once: ⌊(n−1)/m⌋ turns of the longest time-out
    in all          nothing, if all lines together fit; else as many turns again as there are of
                    all N, and one for each turn in its line, as others may have begun meanwhile
    by the pace     N − burst, at the rate at which checks may begin

Pure: knows neither targets nor clocks; times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from dnsd.config import CheckLimits

COMMANDS = ""
"""The line of the programs; the others are called by their addresses."""


class CheckPace(NamedTuple):
    """Checks that may begin: ``burst`` at once, and ``least`` a second.

    Or ``headroom`` times as many as are asked for, if that is more.
    """

    burst: int
    least: float
    headroom: float


class Wait(NamedTuple):
    """The longest wait, and its ``terms`` in words; empty if there is no wait."""

    seconds: float
    terms: str = ""


def most_of(limits: CheckLimits, line: str) -> int:
    """Return how many checks of ``line`` may be under way at once."""
    return limits.address if line != COMMANDS else limits.commands


@dataclass(slots=True)
class _Line:
    """Targets of a line: how many, and their time-outs."""

    count: int = 0
    longest: float = 0.0
    shortest: float = float("inf")
    together: float = 0.0

    def add(self, timeout: float) -> None:
        self.count += 1
        self.longest = max(self.longest, timeout)
        self.shortest = min(self.shortest, timeout)
        self.together += timeout

    def turns(self, most: int) -> int:
        """Return how many turns the last one waits, if ``most`` are at once."""
        return max(0, self.count - 1) // most

    def wait(self, most: int) -> float:
        if self.count <= most:
            return 0.0
        return min(self.turns(most) * self.longest, (self.together - self.shortest) / most)


class Queue:
    """All targets of a node, as far as they stand in each other's way."""

    def __init__(self, limits: CheckLimits, pace: CheckPace) -> None:
        self._limits, self._pace = limits, pace
        self._all = _Line()
        self._lines: dict[str, _Line] = {}
        self._asked = 0.0

    def add(self, line: str, timeout: float, interval: float) -> None:
        """Add a target of ``line`` which is checked each ``interval``."""
        self._all.add(timeout)
        self._lines.setdefault(line, _Line()).add(timeout)
        self._asked += 1 / interval

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that there are."""
        return tuple(self._lines)

    def wait(self, line: str) -> Wait:
        """Return for how long a check of ``line`` waits at the worst."""
        return self._wait(line, self._limits)

    def wide_enough(self, line: str, seconds: float) -> int | None:
        """Return how many of ``line`` must be allowed at once to wait ``seconds`` at the most.

        None: that does not help, or more are not needed.
        """
        count = self._lines[line].count
        for most in range(most_of(self._limits, line) + 1, count + 1):
            if self._wait(line, self._widened(line, most)).seconds <= seconds:
                return most
        return None

    def _widened(self, line: str, most: int) -> CheckLimits:
        if line == COMMANDS:
            return self._limits._replace(commands=most)
        return self._limits._replace(address=most)

    def _wait(self, line: str, limits: CheckLimits) -> Wait:
        here, most = self._lines[line], most_of(limits, line)
        own, others, paced = here.wait(most), self._in_all(here.turns(most), limits), self._paced()
        terms = []
        if own:
            what = f"of {line}" if line != COMMANDS else "by command"
            terms.append(f"{format_duration(own)}: {here.count} checks {what}, {most} at once")
        if others:
            most = limits.total
            terms.append(
                f"{format_duration(others)}: {self._all.count} checks in all, {most} at once"
            )
        if paced:
            rate = f"{self._rate():.0f} begin a second"
            terms.append(f"{format_duration(paced)}: {self._all.count} checks in all, {rate}")
        return Wait(own + others + paced, "; ".join(terms))

    def _in_all(self, turns: int, limits: CheckLimits) -> float:
        needed = sum(min(one.count, most_of(limits, name)) for name, one in self._lines.items())
        if needed <= limits.total:
            return 0.0
        return (self._all.turns(limits.total) + turns + 1) * self._all.longest

    def _paced(self) -> float:
        over = max(0, self._all.count - self._pace.burst)
        return ceil(1000 * over / self._rate()) / 1000

    def _rate(self) -> float:
        return max(self._pace.least, self._pace.headroom * self._asked)
