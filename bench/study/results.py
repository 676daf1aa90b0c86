"""What every study writes down beside its rows, and the files of rows: JSON and CSV."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from bench.machine import machine
from bench.peers.base import VERSION_S
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class About(msgspec.Struct, frozen=True):
    """How a study came about, and how to repeat it.

    ``settings`` are in words ("seconds": "120"); ``seeds`` by what they are for; ``problems``
    are sentences about what could not be measured.
    """

    created: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str] = {}
    seeds: dict[str, int] = {}
    problems: list[str] = []


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all studies: subclasses add their rows. ``kind`` names the subclass in files."""

    kind: str
    about: About


StudyT = TypeVar("StudyT", bound=Study)


def about(
    versions: dict[str, str],
    settings: dict[str, str] | None = None,
    seeds: dict[str, int] | None = None,
    problems: Sequence[str] = (),
) -> About:
    """Return the description of a study that is made now, by this command, on this machine."""
    return About(
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command="python -m bench " + shlex.join(sys.argv[1:]),
        machine=machine() | {"load average at the end": f"{os.getloadavg()[1]:.1f}"},
        versions=versions,
        settings=settings or {},
        seeds=seeds or {},
        problems=list(problems),
    )


def version(*command: str, after: str = "") -> str:
    """Return the first word that ``command`` prints after ``after`` and that has a digit in it.

    "not installed" where there is no such program.
    """
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=VERSION_S,
        check=False,
    )
    words = (done.stdout + done.stderr).partition(after)[2].split() if after else None
    words = words if words is not None else (done.stdout + done.stderr).split()
    return next((word.strip(",;") for word in words if any(map(str.isdigit, word))), "unknown")


def save(study: Study, path: Path) -> None:
    """Write ``study`` as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(study), indent=1) + b"\n")


def load(path: Path, kind: type[StudyT]) -> StudyT:
    """Read what :func:`save` wrote, or raise StudyError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise StudyError(f"{path} holds no results that can be read: {error}") from None


def kind_of(path: Path) -> str:
    """Return which kind of study the file at ``path`` holds."""
    return load(path, Study).kind


def write_csv(rows: Sequence[msgspec.Struct], path: Path) -> None:
    """Write ``rows`` (of one type, of plain fields) as CSV, with their fields as head."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if rows:
            writer.writerow(rows[0].__struct_fields__)
        writer.writerows([_cell(value) for value in msgspec.structs.astuple(row)] for row in rows)


def _cell(value: Any) -> Any:
    """Write floats with as many digits as mean anything; what is unknown stays empty."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else value
