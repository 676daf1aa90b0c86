"""The journal: which image each zone is served from, written by control, read by the workers.

Lines in shared memory (see :mod:`dnsd.image.memory`), one JSON object each, in the order in which
they apply:

    {"zone": "<apex, lower-case wire, hex>", "image": "<file name in images/>", "cell": 0}
    {"zone": "<apex>", "image": null}      ours, but not loaded
    {"expired": "<apex>"}                  ours, but too old to be answered
    {"drop": "<apex>"}                     not ours any more

It is append-only, so a reader needs no lock: whatever follows the last newline is still
being written. A new epoch holds everything there is, and begins on a page of its own; an old one
is never touched again. An epoch is called by where it begins. Which one is current, and when there
is something to read, the state vector says. ``cell`` is where the cells of the image's pools
begin. Knows names of images, not what is in one.

It is in memory because it says what the workers of this master serve: it must not need a disk, and
is of no use to another master.
"""

from __future__ import annotations

import json
import os
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import StateError
from dnsd.image import memory
from dnsd.process.descriptors import write_all_at

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

SUFFIX = ".img"
"""How the names of image files end."""


class Placed(NamedTuple):
    """An image file, and where in the state vector the cells of its pools begin."""

    image: str
    cell: int = 0


class Unanswered(Enum):
    """Why a zone that is ours is not answered, other than that it is not loaded."""

    EXPIRED = "expired"


Place = Placed | Unanswered | None
"""Where a zone is served from; None: it is not loaded."""


class Put(NamedTuple):
    """Serve the zone ``apex`` from ``placed``; None: it is ours but not loaded."""

    apex: bytes
    placed: Place


class Drop(NamedTuple):
    """Stop serving the zone ``apex``."""

    apex: bytes


Entry = Put | Drop

State = dict[bytes, Place]
"""What is served: the image of each zone by apex."""

_News = dict[bytes, Entry]

CHUNK = 1 << 14
"""Octets that are read, and entries that are compared, in one step: both take less than a
millisecond, however many zones there are."""
STEP = 1000


def apply(state: State, entries: Iterable[Entry]) -> None:
    """Change ``state`` as ``entries`` say."""
    for entry in entries:
        if isinstance(entry, Put):
            state[entry.apex] = entry.placed
        else:
            state.pop(entry.apex, None)


def encode(entries: Iterable[Entry]) -> bytes:
    """Return the lines of ``entries``."""
    return b"".join(json.dumps(_plain(entry)).encode() + b"\n" for entry in entries)


def decode(line: bytes) -> Entry:
    """Return the entry in ``line``; ValueError if it is none."""
    match json.loads(line):
        case {"zone": str(apex), "image": str(image), "cell": int(cell)}:
            return Put(bytes.fromhex(apex), Placed(image, cell))
        case {"zone": str(apex), "image": None}:
            return Put(bytes.fromhex(apex), None)
        case {"expired": str(apex)}:
            return Put(bytes.fromhex(apex), Unanswered.EXPIRED)
        case {"drop": str(apex)}:
            return Drop(bytes.fromhex(apex))
    raise ValueError(f"{line!r} is not a journal entry")


def _plain(entry: Entry) -> dict[str, str | int | None]:
    if isinstance(entry, Drop):
        return {"drop": entry.apex.hex()}
    if entry.placed is None:
        return {"zone": entry.apex.hex(), "image": None}
    if isinstance(entry.placed, Unanswered):
        return {"expired": entry.apex.hex()}
    return {"zone": entry.apex.hex(), "image": entry.placed.image, "cell": entry.placed.cell}


class JournalWriter:
    """Writes the journal of a new epoch in the memory ``fd``; whatever it raises is a StateError.

    It begins behind all that is there. ``epoch`` is its name, ``lines`` how many it has, ``end``
    where they end.
    """

    def __init__(self, fd: int, state: State) -> None:
        self._fd = fd
        self.lines = len(state)
        # At least one octet that is no line's lies between two epochs.
        self.epoch = self.end = memory.page_after(os.fstat(fd).st_size + 1)
        os.ftruncate(fd, self.epoch)
        self._write(encode(Put(apex, placed) for apex, placed in state.items()))

    def append(self, entries: Iterable[Entry]) -> None:
        """Add ``entries``: all of them, or none."""
        data = encode(entries)
        self._write(data)
        self.lines += data.count(b"\n")

    def _write(self, data: bytes) -> None:
        try:
            write_all_at(self._fd, data, self.end)
        except OSError as error:
            # Half a line must not become the beginning of the next one.
            os.ftruncate(self._fd, self.end)
            raise StateError(f"there is no memory for the journal: {error.strerror}") from error
        self.end += len(data)


def forget(fd: int, epoch: int) -> None:
    """Give back what is before ``epoch``: no worker reads it any more."""
    memory.punch(fd, 0, epoch)


class JournalReader:
    """Follows the journal in the memory ``fd`` from epoch to epoch.

    ``state`` is what has been read so far: the image of each zone by apex.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._epoch = 0
        self._offset = 0
        self.state: State = {}

    def entries(self, epoch: int, end: int = 0) -> list[Entry]:
        """Return what has changed since the last call, at once; see :meth:`reading`."""
        steps = self.reading(epoch, end)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                found: list[Entry] = done.value
                return found

    def reading(self, epoch: int, end: int = 0) -> Generator[None, None, list[Entry]]:
        """Return what has changed since the last call, the journal of ``epoch`` being current.

        It is read in steps of less than a millisecond, and counts as read only at the end.

        At most one entry for each zone, the last one. After a change of the epoch these are the
        differences between the two: zones that are in both with the same image have no entry,
        zones that are not in the new one are dropped.

        ``end`` is where it must end, or behind: one that is shorter is not all there is.
        StateError if it is shorter, as one is that was forgotten, or cannot be read, or if a line
        is no entry. Then nothing has changed: a journal that is not there is not an empty one.
        """
        if epoch != self._epoch:
            self._epoch = self._offset = epoch
        begins = self._offset == epoch
        news, offset = yield from self._lines(end)
        if begins:
            found, self.state = yield from self._replacing(news)
        else:
            found = [entry for entry in news.values() if _changes(self.state, entry)]
            apply(self.state, found)
        self._offset = offset
        return found

    def _replacing(self, news: _News) -> Generator[None, None, tuple[list[Entry], State]]:
        """Return what an epoch that begins with ``news`` changes, and its state."""
        found: list[Entry] = []
        state = State()
        for number, entry in enumerate(news.values()):
            apply(state, (entry,))
            if isinstance(entry, Put) and _changes(self.state, entry):
                found.append(entry)
            if number % STEP == 0:
                yield
        for number, apex in enumerate(self.state):
            if apex not in state:
                found.append(Drop(apex))
            if number % STEP == 0:
                yield
        return found, state

    def _lines(self, end: int) -> Generator[None, None, tuple[_News, int]]:
        """Read as far as the last newline; a zero is where another epoch is going to begin.

        Return the last entry of each zone, and where the next one will be.
        """
        found: _News = {}
        at, rest, zero = self._offset, b"", b""
        while not zero and (chunk := self._chunk(at + len(rest))):
            chunk, zero, _ = chunk.partition(b"\0")
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            at += len(whole) + len(newline)
            try:
                found.update((entry.apex, entry) for entry in map(decode, whole.splitlines()))
            except ValueError as error:
                raise StateError(f"the journal is damaged: {error}") from error
            yield
        if at < end:
            raise StateError(
                f"the journal is damaged: it has {at - self._epoch} octets and should have "
                f"{end - self._epoch}"
            )
        return found, at

    def _chunk(self, at: int) -> bytes:
        try:
            return os.pread(self._fd, CHUNK, at)
        except OSError as error:
            sentence = f"cannot read the journal: {error.strerror}"
            raise StateError(sentence, error.errno or 0) from error


def _changes(state: State, entry: Entry) -> bool:
    if isinstance(entry, Drop):
        return entry.apex in state
    return entry.apex not in state or state[entry.apex] != entry.placed
