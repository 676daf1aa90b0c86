"""What control says when it has no descriptor left: a line, now and then, and no traceback."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest

from dnsd.control.faults import PAUSE_S, FaultTeller


def test_a_want_of_descriptors_is_one_line_and_other_faults_are_told_whole(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    tell = FaultTeller(lambda: now[0])
    want: dict[str, Any] = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(errno.EMFILE, "Too many open files"),
    }
    loop = asyncio.new_event_loop()
    for _ in range(3):
        tell(loop, want)
    line = (
        "dnsd: error: control: socket.accept() out of system resource (Too many open files); "
        "trying again: raise the limit of open files (LimitNOFILE= or ulimit -n) "
        "[descriptors-exhausted]\n"
    )
    assert capsys.readouterr().err == line
    now[0] = PAUSE_S
    tell(loop, want)
    assert capsys.readouterr().err == line
    assert {record.name for record in caplog.records} == {"dnsd"}
    tell(loop, {"message": "a bug", "exception": KeyError("bug")})
    assert "a bug" in caplog.text
    loop.close()
