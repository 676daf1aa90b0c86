"""Processes that end as by kill -9 at each step that they take on the disk, one after the other."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KILLED, FAULTY = 9, 1
_STEPS = frozenset(("os.rename", "os.remove", "os.link", "os.truncate", "os.mkdir"))


def deaths(directory: Path, work: Callable[[], object]) -> Iterator[None]:
    """Do ``work`` in processes that die one step later each; yield when one has.

    Each begins with the ``directory`` as it is now. The last one lives.
    """
    before = directory.with_name(f"{directory.name}.before")
    shutil.copytree(directory, before)
    for step in count():
        shutil.rmtree(directory)
        shutil.copytree(before, directory)
        child = os.fork()
        if not child:
            _live(step, work)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, KILLED), "the process has a fault of its own"
        yield
        if code == 0:
            break
    shutil.rmtree(before)


def _live(steps: int, work: Callable[[], object]) -> None:
    """Do ``work`` until so many steps are done."""
    left = count(steps, -1)

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        is_step = event in _STEPS
        if event == "open" and isinstance(arguments[2], int):
            is_step = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if is_step and next(left) == 0:
            os._exit(KILLED)

    pwrite = os.pwrite

    def torn(fd: int, data: bytes, at: int) -> int:
        """Write half; then die, or go on."""
        done = pwrite(fd, data[: len(data) // 2], at)
        if next(left) == 0:
            os._exit(KILLED)
        return done + pwrite(fd, data[done:], at + done)

    os.pwrite = torn  # type: ignore[assignment]
    sys.addaudithook(hear)
    with suppress(BaseException):
        work()
        os._exit(0)
    os._exit(FAULTY)
