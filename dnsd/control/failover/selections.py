"""The cells of one pool: decisions are written into them, and workers' notes read out.

As :mod:`dnsd.image.selection` describes them. Everything is in shared memory: a process that takes
over from one that has died finds what is answered, and what each slot stands for. Knows neither
health nor names; given the time (monotonic seconds).

A worker reads the word, and a moment later notes the answer. So what a slot stood for until a
moment ago may still be noted there: for ``LATE_S``, and until they are read once more, its notes
count for both answers, and are not wiped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.image.selection import SLOTS, Mode, Selection, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LATE_S = 15.0
"""How much later than it read a word a worker may note the answer.

Ten times what the master waits before it replaces one that is stuck."""

NOTED_IN_SLOTS = (Mode.ANSWER, Mode.NODATA)
"""Modes whose answers are noted in the slot; of mode SOME each member has its own cell, and an
error is nothing that caches keep."""


class Noted(NamedTuple):
    """An answer that workers have given: caches may hold it ``until`` then (monotonic seconds).

    If ``mode`` is SOME, ``mask`` is one member, which was among those that were answered.
    """

    mask: int
    mode: Mode
    until: int


class _Late(NamedTuple):
    """What a slot stood for, and when no worker can note that any more."""

    word: Selection
    until: float


class PoolCells:
    """The cells of a pool with ``members`` members (fallback addresses among them).

    ``words`` and each worker's ``notes`` are those of this pool alone. ``told`` is called with
    each answer in a slot before the slot stands for another, and in each :meth:`sweep`.
    """

    def __init__(
        self,
        words: memoryview,
        notes: Sequence[memoryview],
        members: int,
        now: float,
        told: Callable[[Noted], object],
    ) -> None:
        self._words, self._notes, self._members = words, notes, members
        self._told = told
        # Of what an earlier process has bound nobody knows since when it is unused.
        self._left = [now] * SLOTS
        self._late: list[list[_Late]] = [[] for _ in range(SLOTS)]
        self._swept: list[bytes] | None = None

    @property
    def word(self) -> Selection:
        """What workers answer now."""
        return decode(self._words[0])

    def write(self, mask: int, ttl: int, mode: Mode, now: float) -> None:
        """Have workers answer this from now on."""
        before = self.word
        wanted = Selection(mask, ttl, mode, before.slot)
        if mode in NOTED_IN_SLOTS:
            wanted = wanted._replace(slot=self._slot_for(Selection(mask, 0, mode), before, now))
        if wanted == before:
            return
        if before.mode in NOTED_IN_SLOTS:
            self._left[before.slot] = now
        self._words[0] = encode(wanted)

    def sweep(self, now: float) -> None:
        """Tell all notes, if there are new ones.

        What a slot stood for before is over then, if it is long enough ago.
        """
        now_there = [bytes(notes) for notes in self._notes]
        if now_there != self._swept:
            self._swept = now_there
            for one in self.noted():
                self._told(one)
        self._late = [[one for one in late if now < one.until] for late in self._late]

    def noted(self) -> Iterator[Noted]:
        """Yield what workers have answered, as far as the cells still say."""
        for slot in range(SLOTS):
            yield from self._noted_in(slot)
        for member in range(self._members):
            if until := self._latest(SLOTS + member):
                yield Noted(1 << member, Mode.SOME, until)

    def clear(self) -> None:
        """Wipe all of it: no worker uses the cells."""
        for cells in (self._words, *self._notes):
            for at in range(len(cells)):
                cells[at] = 0
        self._swept = None

    # -- slots --------------------------------------------------------------------------------

    def _slot_for(self, answer: Selection, before: Selection, now: float) -> int:
        """Return the slot that stands for ``answer``: there is one, or one is made to."""
        bound = encode(answer)
        for slot in range(SLOTS):
            if self._words[1 + slot] == bound:
                return slot
        in_use = before.slot if before.mode in NOTED_IN_SLOTS else None
        slot = min((one for one in range(SLOTS) if one != in_use), key=self._age)
        self._bind(slot, bound, now)
        return slot

    def _age(self, slot: int) -> tuple[bool, float]:
        """Return what is least for the slot to take: one that never stood for anything, first."""
        return bool(self._words[1 + slot]), self._left[slot]

    def _bind(self, slot: int, bound: int, now: float) -> None:
        for one in self._noted_in(slot):
            self._told(one)
        before, free_at = self._words[1 + slot], self._left[slot] + LATE_S
        self._late[slot] = [one for one in self._late[slot] if now < one.until]
        if now >= free_at:
            for cells in self._notes:
                cells[slot] = 0
        elif before:
            self._late[slot].append(_Late(decode(before), free_at))
        self._words[1 + slot] = bound
        # What is in its cells counts for another answer, too.
        self._swept = None

    def _noted_in(self, slot: int) -> Iterator[Noted]:
        until = self._latest(slot)
        if not until:
            return
        answers = [one.word for one in self._late[slot]]
        if bound := self._words[1 + slot]:
            answers.append(decode(bound))
        for answer in dict.fromkeys(answers):
            yield Noted(answer.mask, answer.mode, until)

    def _latest(self, cell: int) -> int:
        return max(notes[cell] for notes in self._notes)
