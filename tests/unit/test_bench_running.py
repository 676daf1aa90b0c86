"""Programs of the measurements: waited for, quoted when they fail, ended with their children."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from bench.running import Ended, Running

PARENT = ["sh", "-c", "sleep 60 & echo up; wait"]


def _is_up(directory: Path) -> bool:
    return "up" in (directory / "output.log").read_text()


def _states(running: Running) -> list[str]:
    return [Path(f"/proc/{pid}/stat").read_text().split()[2] for pid in running.pids()]


def test_all_that_was_started_is_ended(tmp_path: Path) -> None:
    with Running(PARENT, tmp_path) as running:
        running.wait(lambda: _is_up(tmp_path), 20)
        pids = running.pids()
        assert len(pids) == 2
    assert running.pids() == []
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}/exe").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


def test_signals_reach_all(tmp_path: Path) -> None:
    with Running(PARENT, tmp_path) as running:
        running.wait(lambda: _is_up(tmp_path), 20)
        running.signal(signal.SIGSTOP)
        # The kernel stops a process when it is next to run.
        end = time.monotonic() + 20
        while _states(running) != ["T", "T"] and time.monotonic() < end:
            time.sleep(0.01)
        assert _states(running) == ["T", "T"]
        running.signal(signal.SIGCONT)


def test_what_a_failed_program_has_said_is_quoted(tmp_path: Path) -> None:
    with Running(["sh", "-c", "echo no such zone; exit 3"], tmp_path) as running:
        with pytest.raises(Ended, match="sh exited with 3: no such zone"):
            running.wait(lambda: False, 20)
        with pytest.raises(Ended, match="exited with 3"):
            running.finish(20)


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Running(PARENT, tmp_path) as running:
        with pytest.raises(Ended, match=r"sh was not ready within 0\.05 s"):
            running.wait(lambda: False, 0.05)
        with pytest.raises(Ended, match="still runs"):
            running.finish(0.05)
