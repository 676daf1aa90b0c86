"""The slots of a service: when each moves from its actual to its wanted backend.

A slot whose backend is down moves at once: its flows are lost in any case, and new ones must not
be. A slot that leaves a backend that is up (another one has returned, is new, or has a new
weight; or this one is drained) moves when it has been silent for ``idle``: then no flow lives in
it. A service whose flows are one packet long (UDP only) need not wait, nor one whose VIPs
are not announced yet. A slot that is never silent goes back after ``patience``; a drain has none,
because its only purpose is to lose nothing.

Pure: it is given the time (monotonic seconds) and for how long each slot has been silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence


class MovePace(NamedTuple):
    """When a slot of a backend that is up may move, in seconds.

    ``patience`` is how long a slot that is never silent stays. ``at_once``: flows are one packet
    long, so there is nothing to wait for.
    """

    idle: float
    patience: float
    at_once: bool = False


class SlotsSeen(NamedTuple):
    """The inputs for moving slots at ``now``.

    ``wanted`` is the table, empty if no backend can have a slot. ``down`` are the backends that
    serve nothing (or no longer exist), ``drained`` those that give up their slots. ``silent``
    has, for each slot, how long it has carried no packet; None if the kernel cannot tell.
    ``unused``: no packet is expected, as the VIPs have not been announced yet.
    """

    now: float
    wanted: Sequence[str]
    down: Container[str]
    drained: Container[str] = frozenset()
    silent: Sequence[float] | None = None
    unused: bool = False


class SlotMove(NamedTuple):
    """A move: ``slot`` is to lead to ``backend``.

    If it is moved because it was ``silent``, it must still have been so for so many seconds when
    that is done: a flow may begin between the look and the move.
    """

    slot: int
    backend: str
    silent: float = 0.0


class Slots:
    """The slots; ``actual`` is the backend that each one leads to."""

    def __init__(self, actual: Iterable[str], pace: MovePace) -> None:
        self.actual = list(actual)
        self.pace = pace
        self._waiting: dict[int, float] = {}

    def step(self, seen: SlotsSeen) -> list[SlotMove]:
        """Return the moves that are due; call :meth:`moved` with those that were made."""
        if not seen.wanted:
            self._waiting.clear()
            return []
        moves = []
        for slot, (actual, wanted) in enumerate(zip(self.actual, seen.wanted, strict=True)):
            if actual == wanted:
                self._waiting.pop(slot, None)
                continue
            since = self._waiting.setdefault(slot, seen.now)
            if self._is_due(actual, since, seen):
                moves.append(SlotMove(slot, wanted))
            elif seen.silent is not None and seen.silent[slot] >= self.pace.idle:
                moves.append(SlotMove(slot, wanted, self.pace.idle))
        return moves

    def moved(self, moves: Iterable[SlotMove]) -> None:
        """Note that the kernel has made these moves."""
        for slot, backend, _ in moves:
            self.actual[slot] = backend
            self._waiting.pop(slot, None)

    def _is_due(self, actual: str, since: float, seen: SlotsSeen) -> bool:
        """Return whether a slot moves even if it carries packets."""
        if actual in seen.down or self.pace.at_once or seen.unused:
            return True
        return actual not in seen.drained and seen.now - since >= self.pace.patience

    @property
    def waiting(self) -> int:
        """How many slots wait for silence before they move."""
        return len(self._waiting)

    def held_by(self, backend: str) -> list[int]:
        """Return the slots that lead to ``backend``."""
        return [slot for slot, actual in enumerate(self.actual) if actual == backend]

    def busy(self, backend: str, silent: Sequence[float] | None) -> int:
        """Return how many slots of ``backend`` carry packets, or may carry some.

        A backend without such slots can be switched off: no flow is lost.
        """
        held = self.held_by(backend)
        if silent is None:
            return len(held)
        return sum(silent[slot] < self.pace.idle for slot in held)
