"""What stays of a master passes signals on to whoever controls the node, and ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dnsd.image.state import MasterCells, StateVector
from dnsd.process import family, spawn
from tests.support import is_gone, until

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def shell() -> Iterator[Start]:
    """Shells that run a script, and say a line when they have begun."""
    started = []

    def start(script: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        process.stdout.readline()
        return process

    yield start
    for one in started:
        one.kill()
        one.wait()
        assert one.stdout
        one.stdout.close()


@contextmanager
def keeper(vector: StateVector) -> Iterator[subprocess.Popen[bytes]]:
    # As from a master that becomes one: what comes before it runs waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        process = subprocess.Popen(
            [*spawn.command("dnsd.daemon.keeper"), str(vector.fd), str(vector.workers)],
            env=spawn.environment(),
            pass_fds=[vector.fd],
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_stop_goes_to_the_next_master_if_the_one_that_was_told_leads_no_more(
    shell: Start,
) -> None:
    """A master that was about to take over may be killed before it sees the signal."""
    deaf = shell('trap "echo heard" TERM; echo; while :; do sleep 0.01; done')
    next_one = shell("echo; exec sleep 600")
    vector = StateVector.create(1)
    vector.master[MasterCells.LEADER] = deaf.pid
    with keeper(vector) as process:
        process.send_signal(signal.SIGTERM)
        assert deaf.stdout
        assert deaf.stdout.readline() == b"heard\n"
        vector.master[MasterCells.LEADER] = next_one.pid
        assert next_one.wait(60) == -signal.SIGTERM


def test_children_that_do_not_notice_their_parents_end_are_killed() -> None:
    parent = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, process_group=0
    )
    assert parent.stdout
    with parent.stdout:
        child = int(parent.stdout.readline())
    family.end(parent, 0.01)
    assert parent.returncode == -signal.SIGKILL
    until(lambda: is_gone(child))


def test_others_get_time_to_end(shell: Start) -> None:
    slow = shell("echo; sleep 0.01; exit 7")
    family.see_off([slow.pid, os.getpid() + (1 << 22)], 60.0)
    assert slow.wait() == 7
