"""Whether a backend is up: by the results of checks, and by other signs.

A backend changes its state after ``fall`` bad or ``rise`` good results in a row. A certain sign (a
refused connection, a neighbour that does not answer on the link, a cable without a carrier) counts
at once. A backend with several addresses is up when all of them are: clients may use any of them.

Pure: results in, a state out. Silence changes nothing: a backend that could not be checked stays
what it was.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class BackendState(StrEnum):
    """The state of a backend."""

    UNKNOWN = "unknown"
    """It has not been checked often enough since the start."""
    UP = "up"
    DOWN = "down"


class _Lane:
    """One check of one address: counts results in a row."""

    def __init__(self, state: BackendState) -> None:
        self.state = state
        self.why = ""
        self._good = 0
        self._bad = 0

    @property
    def in_doubt(self) -> bool:
        return self.state == BackendState.UNKNOWN or bool(
            self._good if self.state == BackendState.DOWN else self._bad
        )

    def good(self, rise: int) -> None:
        self._good, self._bad = self._good + 1, 0
        if self._good >= rise:
            self.state, self.why = BackendState.UP, ""

    def bad(self, why: str, fall: int, certain: bool) -> None:
        self._good, self._bad = 0, self._bad + 1
        if certain or self._bad >= fall:
            self.state, self.why = BackendState.DOWN, why


class Backend:
    """One backend; ``lanes`` are the addresses that are checked.

    ``state`` holds until checks say something.
    """

    def __init__(
        self,
        lanes: Iterable[str],
        *,
        fall: int,
        rise: int,
        state: BackendState = BackendState.UNKNOWN,
    ) -> None:
        self._fall, self._rise = fall, rise
        self._lanes = {address: _Lane(state) for address in lanes}
        self.since = 0.0
        """When the state last changed (monotonic seconds); 0 before."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that are checked."""
        return tuple(self._lanes)

    def pace(self, *, fall: int, rise: int) -> None:
        """Change the numbers of results in a row that are needed."""
        self._fall, self._rise = fall, rise

    @property
    def state(self) -> BackendState:
        """The state of the worst address."""
        states = {lane.state for lane in self._lanes.values()}
        for worst in (BackendState.DOWN, BackendState.UNKNOWN):
            if worst in states:
                return worst
        return BackendState.UP

    @property
    def why(self) -> str:
        """Why it is down: a sentence about each address that is; empty if it is not."""
        return "; ".join(
            f"{address}: {lane.why}" for address, lane in self._lanes.items() if lane.why
        )

    def in_doubt(self, address: str) -> bool:
        """Return whether the results of ``address`` contradict its state, or are too few."""
        return self._lanes[address].in_doubt

    def good(self, address: str, now: float) -> None:
        """Note that a check of ``address`` has succeeded."""
        before = self.state
        self._lanes[address].good(self._rise)
        self._note(before, now)

    def bad(self, address: str, why: str, now: float, *, certain: bool = False) -> None:
        """Note a fault of ``address``; one that is ``certain`` counts at once."""
        before = self.state
        self._lanes[address].bad(why, self._fall, certain)
        self._note(before, now)

    def _note(self, before: BackendState, now: float) -> None:
        if self.state != before:
            self.since = now
