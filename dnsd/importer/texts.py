"""Reads the files of other servers: whole, as text, with what they include."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.importer.outcome import Place

DEEPEST = 16
"""Files that include each other: more is a circle."""

MOST_OCTETS = 256 << 20


def text_of(path: Path) -> str:
    """Return the text of the file ``path``; ConfigError if it cannot be read."""
    try:
        if path.stat().st_size > MOST_OCTETS or not path.is_file():
            raise ConfigError([f"{path} is not a file of at most {MOST_OCTETS >> 20} MiB"])
        octets = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"cannot read {path}: {error.strerror}"]) from error
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path}:{line}: is not UTF-8"]) from error


def included(place: Place, pattern: str, depth: int) -> list[Path]:
    """Return the files that ``pattern`` means, from the directory of the file that includes."""
    if depth >= DEEPEST:
        raise place.fault(f"files include each other more than {DEEPEST} deep: a circle?")
    base = place.file.parent
    whole = base / pattern
    if whole.is_dir():
        return sorted(path for path in whole.iterdir() if path.is_file())
    if not any(char in pattern for char in "*?["):
        return [whole]
    root = type(base)(whole.anchor)
    return sorted(root.glob(str(whole.absolute().relative_to(root.absolute()))))
