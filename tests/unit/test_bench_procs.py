"""/proc is read right: times, memory, and whole process trees."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench import procs

STAT = "4242 (a) b (c) S 17 4242 1 0 -1 4194560 100 0 0 0 250 50 7 8 20 0 1 0 12345 0 0"


def test_stat_survives_parentheses_in_the_command() -> None:
    stat = procs.parse_stat(STAT)
    assert stat.parent == 17
    assert stat.ended == pytest.approx((7 + 8) * procs.TICK)


def test_cpu_time_is_that_of_the_process_and_its_ended_children() -> None:
    before = procs.cpu_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    used = os.times()
    after = procs.cpu_seconds([os.getpid()])
    assert after > before
    assert after == pytest.approx(sum(used[:4]), abs=5 * procs.TICK)


def test_kib_field_takes_the_whole_name() -> None:
    text = "Rss:  10 kB\nPss_Dirty:  7 kB\nPss:  5 kB\n"
    assert procs.kib_field(text, "Pss") == 5 * 1024
    assert procs.kib_field(text, "Swap") == 0


def test_busy_leaves_out_idling_and_other_cores() -> None:
    text = (
        "cpu  9 9 9 9 9 9 9 9 9 9\n"
        "cpu0 1 2 4 1000 1000 8 16 32 64 64\n"
        "cpu1 7 0 0 0 0 0 0 0 0 0\n"
        "cpu10 500 0 0 0 0 0 0 0 0 0\n"
        "intr 1 2 3\n"
    )
    assert procs.parse_busy(text, [0]) == pytest.approx(63 * procs.TICK)
    assert procs.parse_busy(text, [0, 1]) == pytest.approx(70 * procs.TICK)


def test_tree_holds_grandchildren_and_is_empty_for_the_dead() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    innermost = "print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, innermost],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        pids = procs.tree(process.pid)
        assert len(pids) == 2
        assert procs.memory(pids).pss > 1 << 20
        assert procs.memory(pids).peak >= procs.memory(pids).pss
        process.communicate("\n")
    assert procs.tree(process.pid) == []
    assert procs.cpu_seconds(pids) == 0


def test_pinned_holds_for_children_and_ends() -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    with procs.pinned(core):
        code = "import os; print(*os.sched_getaffinity(0))"
        seen = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
    assert seen.stdout.split() == [str(core)]
    assert os.sched_getaffinity(0) == before
