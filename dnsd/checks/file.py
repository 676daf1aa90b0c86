"""Does a file say that the service is up? For states that another program finds out.

Each line is a member and its state, as in gdnsd's extfile; a state is believed for some time after
the file was written, or for the seconds behind it:

    192.0.2.1 => UP
    192.0.2.2 => DOWN/30
    cdn.example.net. => UP

Silence is never health: a file that is missing, too old, or wrong in any line says nothing about
any member, nor does any file about members that it does not name.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dnsd.checks.result import Blind, Result
from dnsd.config import smallfile
from dnsd.config.members import read_member
from dnsd.config.units import format_duration
from dnsd.process.exchange import within
from dnsd.text import printable

AHEAD_S = 5.0
"""A file whose time lies further ahead was written by another clock: its age is not known."""

_LINE = re.compile(r"(\S+)\s*=>\s*(UP|DOWN)(?:/(\d{1,9}))?", re.ASCII | re.IGNORECASE)
_SHOWN = 60


class FileState(NamedTuple):
    """What a file says of a member, believed for so many seconds (None: as long as others)."""

    ok: bool
    believed: float | None


@dataclass(frozen=True)
class FileCheck:
    """What the file ``path`` says, which is believed for ``believed`` seconds."""

    path: str
    believed: float
    timeout: float

    def __str__(self) -> str:
        return f"the file {self.path}"

    def endpoint(self, _address: str) -> None:
        """It connects to nothing."""

    async def run(self, address: str) -> Result:
        """Read it; Blind if it says nothing."""
        began = time.monotonic()

        async def reading() -> Result | str:
            return await asyncio.to_thread(self._read, address)

        found = await within(self.timeout, reading())
        if found is None:
            took = format_duration(self.timeout)
            raise Blind(f"{self.path} could not be read within {took}")
        if isinstance(found, str):
            raise Blind(found)
        return found._replace(latency=time.monotonic() - began)

    def _read(self, address: str) -> Result | str:
        """Return what the file says, or why it says nothing."""
        path = Path(self.path)
        try:
            written = path.stat().st_mtime
            text = smallfile.read(path).decode("utf-8")
            said = parse(text).get(address)
        except OSError as error:
            return f"{path} cannot be read: {error.strerror or error}"
        except UnicodeDecodeError:
            return f"{path} is not UTF-8 text"
        except ValueError as error:
            return f"{path}:{error}"
        if said is None:
            return f"{path} does not name {address}"
        limit = self.believed if said.believed is None else said.believed
        return _believed(said, written, limit, str(path))


def _believed(said: FileState, written: float, limit: float, path: str) -> Result | str:
    """Return the state, or the reason why there is none, in words that do not change with time."""
    age = time.time() - written
    moment = time.strftime("%F %T", time.localtime(written))
    if age < -AHEAD_S:
        return f"{path} has a modification time in the future, {moment}"
    if age > limit:
        return (
            f"{path} was last written at {moment}, but is valid only for {format_duration(limit)}"
        )
    return Result(said.ok, "" if said.ok else f"{path} says DOWN", 0.0)


def parse(text: str) -> dict[str, FileState]:
    """Return what ``text`` says by address; ValueError is "LINE: sentence"."""
    found: dict[str, FileState] = {}
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        match = _LINE.fullmatch(content)
        if match is None:
            shown = printable(content[:_SHOWN])
            raise ValueError(
                f'{number}: "{shown}" is not a state: write a line such as "192.0.2.1 => UP" or '
                '"192.0.2.1 => DOWN/30"'
            )
        try:
            address = read_member(match[1])
        except ValueError:
            shown = printable(match[1][:_SHOWN])
            told = f'{number}: "{shown}" is neither an address nor a name with a final dot'
            raise ValueError(told) from None
        if address in found:
            raise ValueError(f"{number}: {address} is listed twice")
        believed = None if match[3] is None else float(match[3])
        found[address] = FileState(match[2].upper() == "UP", believed)
    return found
