"""Ends processes whose parent is another master: they notice that it has gone, unless they hang.

What hangs would keep what only one may have: a lease, or a place in shared memory.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from select import POLLIN, poll
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable


def end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Kill ``process`` and wait for it; then its children, as :func:`see_off` does."""
    process.send_signal(signal.SIGSTOP)  # so that it starts no more, and none of them is reaped
    held = _hold(_children(process.pid))
    process.kill()
    process.wait()
    _see_off(held, patience)


def see_off(pids: Iterable[int], patience: float) -> None:
    """Give processes so many seconds to end, and kill those that have not."""
    _see_off(_hold(pids), patience)


def _children(pid: int) -> list[int]:
    with suppress(OSError):  # a kernel without CONFIG_PROC_CHILDREN
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return []


def _hold(pids: Iterable[int]) -> list[int]:
    """Return a descriptor for each process that lives, so that no other one can be meant."""
    held = []
    for pid in pids:
        with suppress(OSError):
            held.append(os.pidfd_open(pid))
    return held


def _see_off(held: list[int], patience: float) -> None:
    until = time.monotonic() + patience
    for fd in held:
        waiting = poll()
        waiting.register(fd, POLLIN)
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            with suppress(OSError):  # it has ended now, or is another user's
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            waiting.poll(1000)
        os.close(fd)
