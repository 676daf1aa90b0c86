"""What the measurement needs to know of a server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


VERSION_S = 60
"""Seconds in which a program says its version, on a machine that is busy with other things."""


class Unavailable(Exception):
    """A server cannot be measured on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Where a server is to work: its directory, the zone file, a port of 127.0.0.1.

    ``workers``: processes or threads that answer UDP. ``denial``: "NSEC" or "NSEC3" when the
    zone is signed, else "".
    """

    directory: Path
    origin: str
    zone: Path
    port: int
    workers: int = 1
    denial: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a server in the foreground: its command and additions to the environment."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server: its name, how to learn its version, and how to prepare a start.

    ``prepare`` writes configuration files into the directory of the setup. ``answers`` is
    False for the floor, which only echoes: its answers are not checked. ``note`` says in a
    report what a reader has to know of the configuration. ``dnssec``: it serves signed zones.
    ``reload``: the signal to its first process upon which it reads the zone file again.
    """

    name: str
    version: Callable[[], str]
    prepare: Callable[[Setup], Start]
    note: str
    answers: bool = True
    dnssec: bool = True
    reload: signal.Signals | None = signal.SIGHUP


def program(name: str) -> str:
    """Return the path of a server program; daemons often stand outside a user's PATH."""
    outside = "/usr/sbin:/usr/local/sbin:/usr/lib/systemd"
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{outside}")
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def version_of(start: Start, pattern: str) -> str:
    """Run ``start`` and return what the group of ``pattern`` matches in its output."""
    done = subprocess.run(
        [program(start.command[0]), *start.command[1:]],
        env=os.environ | start.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=VERSION_S,
        check=False,
    )
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "unknown"


def versions(peers: Iterable[Peer]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of ``peers`` by name, and why the others cannot be measured here."""
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    for peer in peers:
        try:
            found[peer.name] = peer.version()
        except Unavailable as error:
            missing[peer.name] = str(error)
    return found, missing
