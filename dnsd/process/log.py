"""The log of every process, on standard error: one event each line.

An event has a name and a level (:mod:`dnsd.process.events`), a sentence for people and fields for
programs. :mod:`dnsd.process.logline` formats it; :mod:`dnsd.process.stderr` writes it without
blocking the process. Records of libraries (:mod:`logging`) take the same way.

The master reads ``[log]`` and hands it on in the environment. While dnsd runs, the level can be
changed for all processes at once: :func:`follow` has it read from the memory they share.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from dnsd.process.events import LEVELS, LogLevel
from dnsd.process.logline import LineFormatter, LogFormat, Speaker, goes_to_journal
from dnsd.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Unpack

    from dnsd.process.events import Event, Fields

VARIABLE = "DNSD_LOG"
"""The environment variable that gives a child its level and format."""

_logger = logging.getLogger("dnsd")


def say(
    event: Event, sentence: str, *, cause: BaseException | None = None, **fields: Unpack[Fields]
) -> None:
    """Log ``event`` with a ``sentence`` for people; ``cause`` is an internal fault."""
    told = printable(sentence.replace("\n", " "))  # for other handlers of the record
    _logger.log(LEVELS[event], "%s", told, exc_info=cause, extra={"event": event, "fields": fields})


def write(text: str) -> None:
    """Write the lines of ``text``, in which text from outside is escaped already."""
    if sys.stderr is None:
        return  # it was closed when Python started
    try:
        # One write, so that lines of several processes don't mix.
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # the reader has gone: the server continues


class _Handler(logging.Handler):
    """Writes records of at least the current level."""

    def __init__(self) -> None:
        super().__init__()
        self.lowest = LogLevel.INFO
        self.ordered: Callable[[], int] = int
        """Returns the level that was ordered while dnsd runs; 0 without an order."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < self.level_now():
            return
        try:
            line = self.format(record)
        except Exception as error:  # a library's record may have wrong arguments
            why = f"a record of {record.name} has no text: {type(error).__name__}"
            record = _logger.makeRecord(
                record.name, record.levelno, record.pathname, record.lineno, why, (), None
            )
            line = self.format(record)
        write(line)

    def level_now(self) -> LogLevel:
        return LogLevel(self.ordered() or self.lowest)


class Flood(logging.Filter):
    """Limits records to ``per_second`` by ``clock``, because queries may cause them."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._per_second = per_second
        self._clock = clock
        self._second = 0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        """Return whether the record is to be written."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        return self._lines <= self._per_second


def _formatter(form: LogFormat, speaker: Speaker) -> LineFormatter:
    return LineFormatter(form, speaker, in_journal=goes_to_journal())


_handler = _Handler()
_speaker = Speaker()
_handler.setFormatter(LineFormatter(LogFormat.TEXT, _speaker, in_journal=False))
_logger.addHandler(_handler)
_logger.setLevel(logging.DEBUG)
_logger.propagate = False


def begin(speaker: Speaker, flood: Flood | None = None) -> None:
    """Begin to log as ``speaker``, with the level and format from the parent.

    Libraries' records and uncaught exceptions are written as ours are.
    """
    global _speaker  # noqa: PLW0603 -- a process has one log
    _speaker = speaker
    # A line that cannot be written is lost; a report of that could not be written, either.
    logging.raiseExceptions = False
    if flood is not None:
        _handler.addFilter(flood)
    logging.basicConfig(level=logging.INFO, handlers=[_handler], force=True)
    sys.excepthook = _tell_uncaught
    threading.excepthook = lambda args: _tell_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )
    level, _, form = os.environ.get(VARIABLE, "").partition(" ")
    use(LogLevel[level.upper()] if form else LogLevel.INFO, LogFormat(form or LogFormat.TEXT))


def use(level: LogLevel, form: LogFormat) -> None:
    """Write events of ``level`` and above, in ``form``; children inherit that."""
    _handler.lowest = level
    _handler.setFormatter(_formatter(form, _speaker))


def follow(ordered: Callable[[], int]) -> None:
    """Ask ``ordered`` for the level at each event; 0 means the configured one."""
    _handler.ordered = ordered


def level_now() -> LogLevel:
    """Return the lowest level that is written."""
    return _handler.level_now()


def handed_on() -> dict[str, str]:
    """Return the environment variables that tell a child how to log."""
    formatter = _handler.formatter
    assert isinstance(formatter, LineFormatter)
    return {VARIABLE: f"{level_now().word} {formatter.form}"}


def dropped(count: int) -> str:
    """Return the line that reports ``count`` dropped lines."""
    lines = "line was" if count == 1 else "lines were"
    record = _logger.makeRecord(
        _logger.name,
        LogLevel.WARNING,
        __file__,
        0,
        f"{count} log {lines} dropped",
        (),
        None,
        extra={"event": "lines-dropped", "fields": {}},
    )
    return f"{_handler.format(record)}\n"


def _tell_uncaught(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    say("internal-error", f"dnsd failed: {type(error).__name__}: {error}", cause=error)
