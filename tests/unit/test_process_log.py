"""What is logged: levels, names, one form for people and one for programs, and not too much."""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dnsd
from dnsd.announce.announcer import RouteState
from dnsd.balance.backend import BackendState
from dnsd.control.anycast.routeevents import ROUTE_EVENTS
from dnsd.control.balance import backendwatch
from dnsd.control.failover import live
from dnsd.control.zones import report
from dnsd.control.zones.report import ZoneOutcome
from dnsd.failover.member import MemberState
from dnsd.process import log, spawn
from dnsd.process.events import LEVELS, LogLevel
from dnsd.process.logline import LineFormatter, LogFormat, Speaker
from tests.serving import PATIENCE, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(dnsd.__file__).parent
GUIDE = SOURCE.parent / "deploy" / "events.md"
WORKER = Speaker("worker 3", "dnsd worker 3", tracebacks=False)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect what is written; afterwards the log is as it was."""
    found: list[str] = []
    monkeypatch.setattr(log, "write", found.append)
    yield found
    log.use(LogLevel.INFO, LogFormat.TEXT)
    log.follow(int)


def record(level: int, message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("dnsd", level, "", 0, "%s", (message,), None)
    made.__dict__.update(extra)
    return made


def failure() -> ValueError:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        return error


def test_a_line_says_how_urgent_it_is_and_which_event(lines: list[str]) -> None:
    log.say("zone-loaded", "zone a. loaded")
    log.say("member-suspect", "192.0.2.1 up → suspect", member="192.0.2.1")
    log.say("zone-finding", "a.zone:3: error: is wrong")
    assert lines == [
        "dnsd: zone a. loaded [zone-loaded]",
        "dnsd: warning: 192.0.2.1 up → suspect [member-suspect]",
        "a.zone:3: error: is wrong",
    ]


@given(sentence=st.text(), zone=st.text(), event=st.sampled_from([*LEVELS]))
def test_json_is_one_object_for_each_event(sentence: str, zone: str, event: str) -> None:
    form = LineFormatter(LogFormat.JSON, WORKER, in_journal=True)
    made = record(LEVELS[event], sentence, event=event, fields={"zone": zone})
    priority, line = re.fullmatch(r"<(\d)>(.*)", form.format(made)).groups()  # type: ignore[union-attr]
    told = json.loads(line)
    assert (told["event"], told["level"]) == (event, LEVELS[event].word)
    assert int(priority) == LEVELS[event].priority
    assert told["process"] == "worker 3"
    assert told["message"].isprintable()
    assert told["zone"].isprintable()


@given(message=st.text(), tracebacks=st.booleans(), form=st.sampled_from(LogFormat))
def test_each_line_in_the_journal_has_its_priority(
    message: str, tracebacks: bool, form: LogFormat
) -> None:
    error = failure()
    made = record(logging.ERROR, message)
    made.exc_info = (type(error), error, error.__traceback__)
    written = LineFormatter(form, Speaker(tracebacks=tracebacks), in_journal=True).format(made)
    assert all(line.startswith("<3>") for line in written.split("\n"))
    assert all(line.isprintable() for line in written.split("\n"))


def test_who_is_flooded_tells_an_exception_in_one_line() -> None:
    error = failure()
    made = record(logging.ERROR, "no answer")
    made.exc_info = (type(error), error, error.__traceback__)
    line = LineFormatter(LogFormat.TEXT, WORKER, in_journal=False).format(made)
    assert line.startswith("dnsd worker 3: error: no answer (ValueError: two lines, at ")
    assert "test_process_log.py:" in line
    assert line.endswith("[internal-error]")
    assert "\n" not in line


def test_a_flood_is_cut_each_second() -> None:
    clock = Clock()
    flood = log.Flood(10, clock)
    assert sum(flood.filter(record(20, "again")) is True for _ in range(1000)) == 10
    clock.now += 1
    assert flood.filter(record(20, "again"))


@pytest.mark.parametrize("lowest", LogLevel)
def test_what_is_below_the_level_is_not_written(lines: list[str], lowest: LogLevel) -> None:
    log.use(lowest, LogFormat.TEXT)
    for event in LEVELS:
        log.say(event, event)  # type: ignore[arg-type]
    assert len(lines) == sum(level >= lowest for level in LEVELS.values())


def test_a_record_without_a_text_ends_nothing(lines: list[str]) -> None:
    """A library's arguments do not fit its message."""
    log._handler.handle(logging.LogRecord("library", 30, "", 0, "%d of %d", (1,), None))
    told = "a record of library has no text: TypeError"
    assert lines == [f"dnsd: warning: {told} [library-message]"]


def test_an_order_changes_the_level_at_once_and_is_handed_on(lines: list[str]) -> None:
    cell = [0]
    log.use(LogLevel.WARNING, LogFormat.JSON)
    log.follow(lambda: cell[0])
    log.say("node-ready", "unheard")
    cell[0] = LogLevel.DEBUG
    log.say("admin-command", "heard")
    assert [json.loads(line)["event"] for line in lines] == ["admin-command"]
    assert log.handed_on() == {log.VARIABLE: "debug json"}


@pytest.mark.usefixtures("lines")
def test_a_child_logs_as_its_parent_does_and_tells_what_kills_it() -> None:
    log.use(LogLevel.ERROR, LogFormat.JSON)
    program = (
        "import logging\n"
        "from dnsd.process import log\n"
        "from dnsd.process.logline import Speaker\n"
        "log.begin(Speaker('child'))\n"
        "log.say('node-ready', 'unheard')\n"
        "logging.getLogger('library').error('trouble')\n"
        "raise ValueError('the end')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=spawn.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [one["event"] for one in told] == ["library-message", "internal-error"]
    assert "ValueError: the end" in told[1]["traceback"]
    assert done.returncode == 1


def test_the_journal_is_known_by_its_descriptor() -> None:
    program = (
        "import os, sys\n"
        "status = os.fstat(2)\n"
        "here = f'{status.st_dev}:{status.st_ino}'\n"
        "os.environ['JOURNAL_STREAM'] = here if sys.argv[1:] else '1:2'\n"
        "from dnsd.process import log\n"
        "from dnsd.process.logline import Speaker\n"
        "log.begin(Speaker())\n"
        "log.say('node-ready', 'ready')\n"
    )
    for arguments, start in (["journal"], "<5>dnsd: ready"), ([], "dnsd: ready"):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert done.stderr.startswith(start)


@pytest.mark.parametrize(
    ("events", "states"),
    [
        (ROUTE_EVENTS, RouteState),
        (live._EVENTS, MemberState),
        (backendwatch._EVENTS, BackendState),
        (report._EVENTS, ZoneOutcome),
    ],
)
def test_each_state_has_an_event(events: dict[Any, str], states: type[StrEnum]) -> None:
    assert events.keys() == set(states)
    assert len(set(events.values())) == len(events)


def test_names_are_words_and_each_event_is_told_somewhere() -> None:
    found = {
        node.value
        for path in SOURCE.rglob("*.py")
        if path.name != "events.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    elsewhere = {"zone-finding"}  # by its constant
    assert {*LEVELS} - found == elsewhere
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", event) for event in LEVELS)


def test_the_guide_explains_each_event_and_what_to_do() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+) \| (.+) \|$", GUIDE.read_text(), re.M)
    assert {event: level for event, level, _, _ in rows} == {
        event: level.word for event, level in LEVELS.items()
    }
    assert [row[0] for row in rows] == sorted(LEVELS)
    assert all(len(meaning) > 15 and len(action) > 1 for _, _, meaning, action in rows)
