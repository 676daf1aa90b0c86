"""Silence, and the process that could not have made a sound."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dnsd.control.silence import Silence, Starvation
from tests.support import until


def test_a_starved_process_is_not_silent() -> None:
    starved = True
    silence = Silence(0.1, lambda: starved)
    for number in range(50):
        assert silence.look(100 + number / 10, 7) == 0
    starved = False
    assert silence.look(105.0, 7) == pytest.approx(0.1)
    assert silence.look(105.1, 7) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("state", "spent", "starved"),
    [("R", ("5", "5"), True), ("R", ("5", "6"), False), ("S", ("5", "5"), False)],
)
def test_who_is_starved(tmp_path: Path, state: str, spent: tuple[str, str], starved: bool) -> None:
    starvation = Starvation(lambda: 42, tmp_path)
    (tmp_path / "42").mkdir()
    for each in spent:
        (tmp_path / "42/stat").write_text(f"42 (a ) R b) {state} 1 1")
        (tmp_path / "42/schedstat").write_text(f"{each} 9 9\n")
        found = starvation()
    assert found == starved


def test_who_is_gone_is_not_starved(tmp_path: Path) -> None:
    assert not Starvation(lambda: 0, tmp_path)()


def test_a_real_process_that_is_stopped_is_not_starved() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            process.send_signal(signal.SIGSTOP)
            stat = Path(f"/proc/{process.pid}/stat")
            until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it to stop")
            starvation = Starvation(lambda: process.pid)
            assert [starvation(), starvation()] == [False, False]
        finally:
            process.kill()


def test_a_real_process_that_runs_is_not_starved() -> None:
    starvation = Starvation(os.getpid)
    starvation()
    end = time.process_time() + 0.01
    while time.process_time() < end:
        pass
    assert not starvation()
