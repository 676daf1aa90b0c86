"""A process that cannot be started: the master goes on, and tries again."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dnsd.daemon.child import Child

PROGRAM = "site"
"""A module whose ``main`` ends by itself."""


def _child(resets: list[str]) -> Child:
    return Child("worker 0", PROGRAM, b"{}\n", (), lambda: resets.append("reset"))


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_it_is_due_again_later_and_later(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    child = _child([])
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", refuse)
        dues = []
        for _ in range(12):
            with pytest.raises(OSError, match=os.strerror(number)):
                child.start(1000.0)
            assert child.pid == 0
            dues.append(child.due - 1000.0)
    assert dues == sorted(dues)
    assert 0 < dues[1] < dues[-1] <= 5.0
    child.start(2000.0)
    assert child.pid
    child.process.wait()  # type: ignore[union-attr]
    assert child.ended(2001.0) == "ended with status 0"


def test_one_that_cannot_be_watched_is_not_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def refuse(pid: int) -> int:
        started.append(pid)
        raise OSError(errno.EMFILE, "Too many open files")

    child = _child([])
    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(OSError, match="Too many"):
        child.start(1000.0)
    assert child.pid == 0
    assert not Path(f"/proc/{started[0]}").exists()
