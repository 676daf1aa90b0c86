"""The cells of one pool: control writes its decisions into them, and reads the workers' notes.

:mod:`dnsd.image.selection` describes them. Everything is in shared memory: a process that takes
over from one that has died finds what is answered, and what each note stands for. Knows neither
health nor names; given the time (monotonic seconds).

A worker reads the selection, and a moment later notes the answer. So the answer that a note stood
for until a moment ago may still be noted there: for ``LATE_S``, and until it is read once more, a
note counts for both answers, and is not wiped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.image.selection import NOTES, Members, Mode, Selection, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LATE_S = 15.0
"""How much later than it read a selection a worker may note the answer.

Ten times what the master waits before it replaces one that is stuck."""

NOTED_BY_ANSWER = (Mode.ANSWER, Mode.NODATA)
"""Modes in which each answer has its note; in mode SOME each member has one, and caches do not keep
errors."""


class Noted(NamedTuple):
    """An answer that workers have given: caches may hold it ``until`` then (monotonic seconds).

    If ``mode`` is SOME, ``mask`` is one member, which was among those that were answered.
    """

    mask: int
    mode: Mode
    until: int


class _Late(NamedTuple):
    """What a note stood for, and when no worker can note that any more."""

    selection: Selection
    until: float


class PoolCells:
    """The cells of a pool with ``members`` members (fallback addresses among them).

    ``selections`` and each worker's ``cache_until`` are those of this pool alone.
    ``told`` gets each noted answer before its note stands for another, and in each :meth:`sweep`.
    """

    def __init__(
        self,
        selections: memoryview,
        cache_until: Sequence[memoryview],
        members: int,
        now: float,
        told: Callable[[Noted], object],
    ) -> None:
        self._selections, self._notes, self._members = selections, cache_until, members
        self._told = told
        # Since when a note of an earlier process is unused is not known.
        self._left = [now] * NOTES
        self._late: list[list[_Late]] = [[] for _ in range(NOTES)]
        self._swept: list[bytes] | None = None

    @property
    def selection(self) -> Selection:
        """What workers answer now."""
        return decode(self._selections[0])

    def write(self, mask: int, ttl: int, mode: Mode, now: float) -> None:
        """Make workers answer this from now on."""
        before = self.selection
        wanted = Selection(mask, ttl, mode, before.note_index)
        if mode in NOTED_BY_ANSWER:
            wanted = wanted._replace(
                note_index=self._note_index_for(Selection(mask, 0, mode), before, now)
            )
        if wanted == before:
            return
        if before.mode in NOTED_BY_ANSWER:
            self._left[before.note_index] = now
        self._selections[0] = encode(wanted)

    def sweep(self, now: float) -> None:
        """Tell all notes, if there are new ones.

        After this, what a note stood for long enough ago does not count any more.
        """
        now_there = [bytes(notes) for notes in self._notes]
        if now_there != self._swept:
            self._swept = now_there
            for one in self.noted():
                self._told(one)
        self._late = [[one for one in late if now < one.until] for late in self._late]

    def noted(self) -> Iterator[Noted]:
        """Yield what workers have answered, as far as the cells still show it."""
        for note_index in range(NOTES):
            yield from self._noted_in(note_index)
        for member in range(self._members):
            if until := self._latest(NOTES + member):
                yield Noted(Members.of([member]), Mode.SOME, until)

    def clear(self) -> None:
        """Wipe all cells: no worker uses them."""
        for cells in (self._selections, *self._notes):
            for at in range(len(cells)):
                cells[at] = 0
        self._swept = None

    # -- notes --------------------------------------------------------------------------------

    def _note_index_for(self, answer: Selection, before: Selection, now: float) -> int:
        """Return the note that stands for ``answer``; bind one to it if none does."""
        bound = encode(answer)
        for note_index in range(NOTES):
            if self._selections[1 + note_index] == bound:
                return note_index
        in_use = before.note_index if before.mode in NOTED_BY_ANSWER else None
        note_index = min((one for one in range(NOTES) if one != in_use), key=self._age)
        self._bind(note_index, bound, now)
        return note_index

    def _age(self, note_index: int) -> tuple[bool, float]:
        """Return the order in which notes are taken: unbound ones first, then the oldest."""
        return bool(self._selections[1 + note_index]), self._left[note_index]

    def _bind(self, note_index: int, bound: int, now: float) -> None:
        for one in self._noted_in(note_index):
            self._told(one)
        before, free_at = self._selections[1 + note_index], self._left[note_index] + LATE_S
        self._late[note_index] = [one for one in self._late[note_index] if now < one.until]
        if now >= free_at:
            for cells in self._notes:
                cells[note_index] = 0
        elif before:
            self._late[note_index].append(_Late(decode(before), free_at))
        self._selections[1 + note_index] = bound
        # What is in its cells counts for another answer, too.
        self._swept = None

    def _noted_in(self, note_index: int) -> Iterator[Noted]:
        until = self._latest(note_index)
        if not until:
            return
        answers = [one.selection for one in self._late[note_index]]
        if bound := self._selections[1 + note_index]:
            answers.append(decode(bound))
        for answer in dict.fromkeys(answers):
            yield Noted(answer.mask, answer.mode, until)

    def _latest(self, cell: int) -> int:
        return max(notes[cell] for notes in self._notes)
