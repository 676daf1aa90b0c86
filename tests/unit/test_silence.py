"""Silence, and the process that could not have got on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.process.silence import Chance, Silence
from tests.support import until

MS = 1_000_000


def test_a_starved_process_is_not_silent() -> None:
    share = 0.0
    silence = Silence(0.1, lambda step: step * share)
    for number in range(50):
        assert silence.look(100 + number / 10, 7) == 0
    share = 1.0
    assert silence.look(105.0, 7) == pytest.approx(0.1)
    assert silence.look(105.1, 7) == pytest.approx(0.2)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_silence_is_never_longer_than_the_time_that_was_had(
    looks: list[tuple[float, bool]],
) -> None:
    had = 0.0
    share = 0.0
    silence = Silence(0.1, lambda step: step * share)
    now, progress = 100.0, 1
    silence.look(now, progress)
    for share, gets_on in looks:
        now += 0.1
        progress += gets_on
        had = 0.0 if gets_on else had + 0.1 * share
        assert silence.look(now, progress) == pytest.approx(had)


class Process:
    """What /proc says of a process."""

    def __init__(self, proc: Path, pid: int = 42) -> None:
        self.pid = pid
        self._proc = proc
        self.chance = Chance(lambda: self.pid, proc)

    def is_now(self, state: str, ran: int, waited: int) -> float:
        """Say how it is (times in ms); return what it had of the last 100 ms, in ms."""
        place = self._proc / str(self.pid)
        place.mkdir(exist_ok=True)
        (place / "stat").write_text(f"{self.pid} (a ) R b) {state} 1 1")
        (place / "schedstat").write_text(f"{ran * MS} {waited * MS} 9\n")
        return round(self.chance(0.1) * 1000)


@pytest.mark.parametrize(
    ("state", "ran", "waited", "had"),
    [
        ("R", 0, 0, 0),  # it wants the CPU, and has got nothing: its wait is counted only later
        ("R", 7, 93, 7),  # a busy machine
        ("R", 100, 0, 100),  # it runs round and round
        ("S", 0, 0, 100),  # it waits for something
        ("S", 10, 70, 30),  # the same, on a busy machine
        ("D", 0, 0, 100),  # the disk hangs
        ("T", 0, 0, 100),  # somebody has stopped it
        ("S", 900, 900, 0),  # the watcher is late itself
        ("R", 900, 0, 100),
    ],
)
def test_what_a_process_could_have_used(
    tmp_path: Path, state: str, ran: int, waited: int, had: int
) -> None:
    process = Process(tmp_path)
    process.is_now("R", 5000, 1000)
    assert process.is_now(state, 5000 + ran, 1000 + waited) == had


def test_a_successor_owes_its_own_time_only(tmp_path: Path) -> None:
    process = Process(tmp_path)
    process.is_now("R", 5000, 1000)
    process.pid = 43
    assert process.is_now("R", 1, 1) == 100
    assert process.is_now("R", 3, 50) == 2


def test_nothing_excuses_who_is_gone(tmp_path: Path) -> None:
    assert Chance(lambda: 0, tmp_path)(0.1) == 0.1


def test_a_real_process_that_is_stopped_could_get_on() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        try:
            process.send_signal(signal.SIGSTOP)
            stat = Path(f"/proc/{process.pid}/stat")
            until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it to stop")
            chance = Chance(lambda: process.pid)
            assert [chance(0.1), chance(0.1)] == [0.1, 0.1]
        finally:
            process.kill()


def test_a_real_process_that_runs_has_what_it_runs() -> None:
    chance = Chance(os.getpid)
    chance(1.0)
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert 0.01 < chance(100.0) < 90


def test_a_watcher_that_is_replaced_leaves_no_descriptor() -> None:
    def watch() -> int:
        chance = Chance(os.getpid)
        assert chance(0.1) == 0.1
        assert chance(0.1) <= 0.1
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    assert [watch() for _ in range(5)] == [watch()] * 5
