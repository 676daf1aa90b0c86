"""What every study writes down beside its rows, and the files of rows: JSON and CSV."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from bench.machine import machine
from bench.peers.base import VERSION_S
from bench.study.errors import StudyError
from bench.study.figures import Figure
from bench.study.figures import join as join_figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION = 2
"""The format of the files: grows when a field changes its meaning."""


class About(msgspec.Struct, frozen=True):
    """How a study came about, and how to repeat it.

    ``settings`` are in words ("seconds": "120 s"), ``parameters`` the same as values; ``seeds``
    by what they are for; ``problems`` are sentences about what could not be measured, ``busy``
    about what else the machine did.
    """

    created: str
    command: str
    machine: dict[str, str]
    versions: dict[str, str]
    settings: dict[str, str] = {}
    seeds: dict[str, int] = {}
    problems: list[str] = []
    parameters: dict[str, Any] = {}
    repeats: int = 1
    busy: list[str] = []


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The base of rows: in which repeat of the study it was measured, from 1."""

    repeat: int = 1


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all studies: subclasses add their rows. ``kind`` names the subclass in files.

    ``version`` is that of the format (:data:`VERSION`; 1 where the file does not say).
    ``figures`` are those that the study stands for, over all repeats.
    """

    kind: str
    about: About
    version: int = 1
    figures: list[Figure] = []


StudyT = TypeVar("StudyT", bound=Study)


def join(runs: Sequence[StudyT]) -> StudyT:
    """Return the repeats of a study as one: lists of rows are put together, each row numbered.

    All else is that of the first repeat.
    """
    first = runs[0]
    joined: dict[str, Any] = {"figures": join_figures(run.figures for run in runs)}
    for name in first.__struct_fields__:
        if _is_rows(runs, name):
            joined[name] = [
                msgspec.structs.replace(row, repeat=number)
                for number, run in enumerate(runs, 1)
                for row in getattr(run, name)
            ]
    return msgspec.structs.replace(first, **joined)


def _is_rows(runs: Sequence[Study], name: str) -> bool:
    lists = [value for run in runs if isinstance(value := getattr(run, name), list | tuple)]
    return any(isinstance(row, Row) for rows in lists for row in rows)


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
        found = msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise StudyError(f"{path} holds no results that can be read: {error}") from None
    if found.version > VERSION:
        raise StudyError(
            f"{path} is of version {found.version}: this bench reads versions up to {VERSION}"
        )
    return found


def kind_of(path: Path) -> str:
    """Return which kind of study the file at ``path`` holds."""
    return load(path, Study).kind


def as_csv(rows: Sequence[msgspec.Struct]) -> str:
    """Return ``rows`` (of one type, of plain fields) as CSV: a line for each, fields as head."""
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    if rows:
        writer.writerow(rows[0].__struct_fields__)
    writer.writerows([_cell(value) for value in msgspec.structs.astuple(row)] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    """Write floats with as many digits as mean anything; what is unknown stays empty."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else value
