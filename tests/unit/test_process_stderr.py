"""Standard error that never makes its process wait: what is kept, what is dropped, what is told."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.process import log
from dnsd.process.stderr import LINES_PER_S, MOST_LINES, MOST_OCTETS, LogStream, Outlet
from tests.serving import PATIENCE, Clock


class Reader:
    """What stands behind the descriptor: it takes nothing until it is told to read."""

    def __init__(self) -> None:
        self.reads = threading.Event()
        self.asked = threading.Event()
        self.got = b""

    def __call__(self, octets: bytes) -> None:
        self.asked.set()
        assert self.reads.wait(PATIENCE)
        self.got += octets

    @property
    def lines(self) -> list[str]:
        return self.got.decode().splitlines()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outlet(reader: Reader, clock: Clock) -> Outlet:
    return Outlet(reader, log.dropped, clock)


@given(texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=9)))
def test_what_is_read_comes_whole_and_in_order(texts: list[str]) -> None:
    reader = Reader()
    reader.reads.set()
    outlet = Outlet(reader, log.dropped)
    for text in texts:
        outlet.put(text + "\n")
    assert outlet.flush(PATIENCE)
    assert reader.got.decode() == "".join(text + "\n" for text in texts)


def test_nothing_waits_for_a_reader_and_what_is_dropped_is_told(
    outlet: Outlet, reader: Reader, clock: Clock
) -> None:
    outlet.put("first\n")
    assert reader.asked.wait(PATIENCE)  # the thread is stuck in it
    for number in range(3 * MOST_LINES):
        clock.now += 1  # the rate is not what drops them
        outlet.put(f"{number}\n")
    assert not outlet.flush(0)
    reader.reads.set()
    assert outlet.flush(PATIENCE)
    kept = [f"{number}" for number in range(MOST_LINES)]
    told = f"dnsd: warning: {2 * MOST_LINES} log lines were dropped [lines-dropped]"
    assert reader.lines == ["first", kept[0], told, *kept[1:]]


def test_octets_are_bounded_too(outlet: Outlet, reader: Reader) -> None:
    outlet.put("first\n")
    assert reader.asked.wait(PATIENCE)
    for _ in range(5):
        outlet.put("x" * (MOST_OCTETS // 3))
    reader.reads.set()
    assert outlet.flush(PATIENCE)
    assert reader.got.count(b"x") == 3 * (MOST_OCTETS // 3)
    assert b"2 log lines were dropped" in reader.got


def test_a_fault_that_repeats_is_cut_to_a_rate(reader: Reader, clock: Clock) -> None:
    reader.reads.set()
    outlet = Outlet(reader, log.dropped, clock)
    seconds = 60
    for _ in range(seconds):
        for _ in range(500):
            outlet.put("Traceback\n")
            assert outlet.flush(PATIENCE)
        clock.now += 1
    said = len([line for line in reader.lines if line == "Traceback"])
    assert said <= MOST_LINES + seconds * LINES_PER_S
    # nothing is lost without a word: the last count comes with the next line
    clock.now += 1
    outlet.put("end\n")
    assert outlet.flush(PATIENCE)
    dropped = sum(int(n) for n in re.findall(r"(\d+) log lines? w", reader.got.decode()))
    assert said + dropped == seconds * 500


def test_a_reader_that_is_gone_costs_the_line_and_nothing_else() -> None:
    def broken(_: bytes) -> None:
        raise BrokenPipeError

    outlet = Outlet(broken, log.dropped)
    outlet.put("one\n")
    assert outlet.flush(PATIENCE)
    outlet.put("two\n")
    assert outlet.flush(PATIENCE)


def test_the_stream_takes_lines_tracebacks_and_log_records(outlet: Outlet, reader: Reader) -> None:
    reader.reads.set()
    stream = LogStream(outlet, 2)
    assert isinstance(stream, io.TextIOBase)
    stream.write("be")
    stream.write("gun\nnot ended")
    assert outlet.flush(PATIENCE)
    assert reader.got == b"begun\n"
    stream.flush()
    logger = logging.getLogger("test_process_stderr")
    logger.propagate = False
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.warning("a warning \udcff")
    logger.removeHandler(handler)
    try:
        raise ValueError("why")
    except ValueError:
        traceback.print_exc(file=stream)
    assert outlet.flush(PATIENCE)
    lines = reader.lines
    assert lines[:2] == ["begun", "not endeda warning \\udcff"]
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: why"


def test_a_process_that_ends_does_not_wait_for_its_reader() -> None:
    """Neither its tracebacks nor what is said at its end keep it alive."""
    program = (
        "import logging, sys, threading\n"
        "from dnsd.process import log, stderr\n"
        "stderr.detach(log.dropped)\n"
        "for _ in range(100000): print('x' * 100, file=sys.stderr)\n"
        "logging.error('said')\n"
        "threading.Thread(target=lambda: 1 / 0).start()\n"
        "raise ValueError('the end')\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
        assert process.wait(PATIENCE) == 1


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 2>&-", "0<&- 1>&- 2>&-"])
def test_what_a_command_opens_is_no_standard_error(tmp_path: Path, closed: str) -> None:
    """A shell may have closed it: lines of the log must not go into shared memory, or a socket."""
    program = (
        "import os, sys\n"
        "from dnsd.cli import main\n"
        "from dnsd.process import log\n"
        "main(['--version'], standalone_mode=False)\n"
        "log.write('a line')\n"
        "open(sys.argv[1], 'w').write(str(os.open('/dev/null', os.O_RDONLY)))\n"
    )
    told = tmp_path / "told"
    command = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", program, str(told)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert int(told.read_text()) > 2
