"""Does a program of the operator's say that the service is up? Exit status 0 does.

It is started without a shell, in a session and a process group of its own; the group is killed
when the program has ended or its time is over, so that none of its children stay. A program that
cannot be started says nothing about the service.

It never has root's rights: control hands on no capabilities, and if control runs as root, programs
run as "nobody".
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.checks.result import (
    LONGEST_DETAIL,
    Blind,
    FailureKind,
    Result,
    ServiceFault,
    Stage,
    judged,
    shown,
)
from dnsd.config.commandkinds import ADDRESS, filled

if TYPE_CHECKING:
    from collections.abc import Callable

NOBODY = 65534
"""User and group that own nothing, on every Linux (the kernel's overflow ID)."""

_KEPT = 4 * LONGEST_DETAIL
"""Octets of a program's output that are kept; a character in UTF-8 has up to 4."""
_PIPE = 65536


@dataclass(frozen=True)
class CommandCheck:
    """The program ``command[0]`` with the other parts as arguments.

    ``{address}`` in these becomes the address of the member.
    """

    command: tuple[str, ...]
    timeout: float

    def __str__(self) -> str:
        return f"command {self.command[0]}"

    def endpoint(self, _address: str) -> None:
        """What its program connects to is not known."""

    async def run(self, address: str) -> Result:
        """Run it and wait for its end."""
        program, *arguments = filled(self.command, {ADDRESS: address})
        line = [program, *arguments]

        async def asking() -> None:
            status, output = await run_program(line)
            if status:
                how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
                said = shown(output.decode("utf-8", "replace"))
                sentence = f"{program}: {how}" + (f", output: {said}" if said else "")
                raise ServiceFault(sentence, FailureKind.COMMAND)

        return await judged(self.timeout, Stage(f"{program} did not end"), asking)


async def run_program(line: list[str], told: bytes = b"") -> tuple[int, bytes]:
    """Return the exit status (negative: the signal) and the first octets of the output.

    It reads ``told`` on standard input, which must fit into a pipe; Blind if it cannot be started.
    """
    loop = asyncio.get_running_loop()
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    output = bytearray()
    ended = asyncio.Event()
    try:
        try:
            process = _start(line, theirs, told)
        finally:
            os.close(theirs)
        pidfd = os.pidfd_open(process.pid)
        try:
            loop.add_reader(ours, _drain, ours, output, loop.remove_reader)
            loop.add_reader(pidfd, ended.set)
            await ended.wait()
            _drain(ours, output, loop.remove_reader)
        finally:
            _end(process, pidfd)
    finally:
        loop.remove_reader(ours)
        os.close(ours)
    return process.returncode, bytes(output)


def _start(line: list[str], output: int, told: bytes) -> subprocess.Popen[bytes]:
    nobody = NOBODY if os.geteuid() == 0 else None
    given = _pipe_with(told) if told else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            line,
            stdin=given,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            start_new_session=True,
            user=nobody,
            group=nobody,
            extra_groups=None if nobody is None else (),
        )
    except OSError as error:
        raise Blind(f"cannot start {line[0]}: {error.strerror or error}") from error
    finally:
        if told:
            os.close(given)


def _pipe_with(told: bytes) -> int:
    """Return the read end of a pipe that holds ``told``, and to which nothing more is written."""
    end, beginning = os.pipe()
    os.set_blocking(beginning, False)
    try:
        os.write(beginning, told)
    finally:
        os.close(beginning)
    return end


def _end(process: subprocess.Popen[bytes], pidfd: int) -> None:
    """Kill the group, then reap its leader: until then no other process can get its number.

    One that even this does not end at once (it waits for a disk) is reaped when it has ended.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    loop = asyncio.get_running_loop()

    def reap() -> None:
        if process.poll() is not None:
            loop.remove_reader(pidfd)
            os.close(pidfd)

    loop.add_reader(pidfd, reap)
    reap()


def _drain(pipe: int, output: bytearray, remove: Callable[[int], object]) -> None:
    """Take what is in ``pipe``, so that the program can write on; keep only its beginning."""
    try:
        more = os.read(pipe, _PIPE)
    except BlockingIOError:
        return
    if not more:
        remove(pipe)
    output += more[: _KEPT - len(output)]
