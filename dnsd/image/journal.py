"""The journal: which image each zone is served from, written by control, read by the workers.

A file ``journal.<epoch>`` of one JSON object a line, in the order they are to be applied:

    {"zone": "<apex, lower-case wire, hex>", "image": "<file name in images/>", "cell": 0}
    {"zone": "<apex>", "image": null}      ours, but not loaded
    {"drop": "<apex>"}                     not ours any more

It is append-only, so a reader needs no lock: whatever follows the last newline is still
being written. A new epoch is a new file that holds everything there is; an old file is never
touched again. Which epoch is current, and when there is something to read, the state
vector says. ``cell`` is where the cells of the image's pools begin. Knows names of files, not
what is in an image.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PREFIX = "journal."
IMAGES = "images"
"""The directory of the image files, beside the journal."""


class Placed(NamedTuple):
    """An image file, and where in the state vector the cells of its pools begin."""

    image: str
    cell: int = 0


class Put(NamedTuple):
    """Serve the zone ``apex`` from ``placed``; None: it is ours but not loaded."""

    apex: bytes
    placed: Placed | None


class Drop(NamedTuple):
    """Stop serving the zone ``apex``."""

    apex: bytes


Entry = Put | Drop

State = dict[bytes, Placed | None]
"""What is served: the image of each zone by apex."""


def journal_path(directory: Path, epoch: int) -> Path:
    """Return the file of ``epoch``."""
    return directory / f"{PREFIX}{epoch}"


def apply(state: State, entries: Iterable[Entry]) -> None:
    """Change ``state`` as ``entries`` say."""
    for entry in entries:
        if isinstance(entry, Put):
            state[entry.apex] = entry.placed
        else:
            state.pop(entry.apex, None)


def difference(old: State, new: State) -> list[Entry]:
    """Return the entries that turn the state ``old`` into ``new``."""
    puts = [
        Put(apex, placed) for apex, placed in new.items() if apex not in old or old[apex] != placed
    ]
    return [*puts, *(Drop(apex) for apex in old if apex not in new)]


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
        case {"drop": str(apex)}:
            return Drop(bytes.fromhex(apex))
    raise ValueError(f"{line!r} is no journal entry")


def _plain(entry: Entry) -> dict[str, str | int | None]:
    if isinstance(entry, Drop):
        return {"drop": entry.apex.hex()}
    if entry.placed is None:
        return {"zone": entry.apex.hex(), "image": None}
    return {"zone": entry.apex.hex(), "image": entry.placed.image, "cell": entry.placed.cell}


class JournalWriter:
    """Writes the journal of one epoch; whatever it raises is a StateError."""

    def __init__(self, directory: Path, epoch: int, state: State) -> None:
        self.path = journal_path(directory, epoch)
        self.epoch = epoch
        self.lines = len(state)
        data = encode(Put(apex, placed) for apex, placed in state.items())
        try:
            # Under another name until it is whole: a reader of this epoch sees all or nothing.
            temporary = self.path.with_name(f".{self.path.name}.tmp")
            temporary.write_bytes(data)
            temporary.replace(self.path)
            self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise self._failure(error) from error
        self.size = len(data)

    def append(self, entries: Iterable[Entry]) -> None:
        """Add ``entries``: all of them, or none."""
        data = encode(entries)
        try:
            at = 0
            while at < len(data):
                at += os.write(self._fd, data[at:])
        except OSError as error:
            # Half a line (disk full) must not become the beginning of the next one.
            os.ftruncate(self._fd, self.size)
            raise self._failure(error) from error
        self.size += len(data)
        self.lines += data.count(b"\n")

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._fd)

    def _failure(self, error: OSError) -> StateError:
        return StateError(f"cannot write the journal {self.path}: {error.strerror}")


def _unreadable(path: Path, error: OSError) -> StateError:
    return StateError(f"cannot read the journal {path}: {error.strerror}", error.errno or 0)


class JournalReader:
    """Follows the journal from epoch to epoch.

    ``state`` is what has been read so far: the image of each zone by apex.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._epoch = 0
        self._offset = 0
        self._file: int | None = None
        self.state: State = {}

    def entries(self, epoch: int, octets: int = 0) -> list[Entry]:
        """Return what has changed since the last call, the journal of ``epoch`` being current.

        At most one entry for each zone, the last one. After a change of the epoch these are the
        differences between the two: zones that are in both with the same image have no entry,
        zones that are not in the new one are dropped.

        ``octets`` is how long the file must be: one that is shorter is not all there is.
        StateError if it is missing, shorter, or cannot be read, or if a line is no entry. Then
        nothing has changed: a journal that is not there is not an empty one.
        """
        if self._file is None or epoch != self._epoch:
            self._open(epoch)
        begins = {} if self._offset == 0 else self.state
        state = dict(begins)
        apply(state, self._lines(octets))
        before, self.state = self.state, state
        return difference(before, state)

    def close(self) -> None:
        """Close the file; the next call of ``entries`` begins anew."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, epoch: int) -> None:
        path = journal_path(self._directory, epoch)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(path, error) from error
        self.close()
        self._file, self._epoch, self._offset = file, epoch, 0

    def _lines(self, octets: int) -> list[Entry]:
        """Read as far as the last newline, which is at ``octets`` or behind it."""
        path = journal_path(self._directory, self._epoch)
        try:
            data = b"".join(self._chunks())
        except OSError as error:
            raise _unreadable(path, error) from error
        whole = data[: data.rfind(b"\n") + 1]
        if self._offset + len(whole) < octets:
            raise StateError(
                f"the journal {path} is damaged: it has {self._offset + len(whole)} octets "
                f"and should have {octets}"
            )
        try:
            lines = [decode(line) for line in whole.splitlines()]
        except ValueError as error:
            raise StateError(f"the journal {path} is damaged: {error}") from error
        self._offset += len(whole)
        return lines

    def _chunks(self) -> Iterable[bytes]:
        assert self._file is not None
        at = self._offset
        while chunk := os.pread(self._file, 1 << 20, at):
            yield chunk
            at += len(chunk)
