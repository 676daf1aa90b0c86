"""Formats events: a line for people, or a line of JSON for programs.

    dnsd: warning: failover: www.example.com. A: 192.0.2.1 up → suspect (timeout) [member-suspect]

The journal takes the priority from the number before a line (sd-daemon(3)), in either form.
"""

from __future__ import annotations

import logging
import os
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.process.events import FINDING, LogLevel
from dnsd.text import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Mapping


class LogFormat(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


class Speaker(NamedTuple):
    """Who writes the lines.

    ``process`` is its role, ``name`` the beginning of text lines. ``tracebacks``: whether
    exceptions are logged with all frames; else only with the place where they were raised.
    """

    process: str = "dnsd"
    name: str = "dnsd"
    tracebacks: bool = True


class LineFormatter(logging.Formatter):
    """Formats records of :mod:`logging`; ``in_journal``: with the priority before each line."""

    def __init__(self, form: LogFormat, speaker: Speaker, *, in_journal: bool) -> None:
        super().__init__()
        self.form = form
        self._speaker = speaker
        self._in_journal = in_journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines for ``record``, without the last newline."""
        text = self._json(record) if self.form == LogFormat.JSON else self._text(record)
        if not self._in_journal:
            return text
        priority = f"<{level_of(record).priority}>"
        return "\n".join(priority + line for line in text.split("\n"))

    def _text(self, record: logging.LogRecord) -> str:
        level, event, message = level_of(record), event_of(record), record.getMessage()
        if event == FINDING:
            return printable(message)
        word = "" if LogLevel.INFO <= level <= LogLevel.NOTICE else f"{level.word}: "
        error = record.exc_info[1] if record.exc_info else None
        where = f" ({_described(error)})" if error and not self._speaker.tracebacks else ""
        line = printable(f"{self._speaker.name}: {word}{message}{where}".replace("\n", " "))
        lines = f"\n{_traceback(error)}" if error and self._speaker.tracebacks else ""
        return f"{line} [{event}]{lines}"

    def _json(self, record: logging.LogRecord) -> str:
        import msgspec.json  # the help of a command needs no JSON

        error = record.exc_info[1] if record.exc_info else None
        told = {"exception": _described(error), "traceback": _traceback(error)} if error else {}
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return msgspec.json.encode(
            {
                "time": time.replace("+00:00", "Z"),
                "level": level_of(record).word,
                "event": event_of(record),
                "process": self._speaker.process,
                "pid": record.process,
                "message": printable(record.getMessage()),
                **{key: _plain(value) for key, value in fields_of(record).items()},
                **told,
            }
        ).decode()


def level_of(record: logging.LogRecord) -> LogLevel:
    """Return the level of ``record``; a library's level may lie between ours."""
    return max((level for level in LogLevel if level <= record.levelno), default=LogLevel.DEBUG)


def event_of(record: logging.LogRecord) -> str:
    """Return the event's name; a library's record has none of its own."""
    other = "internal-error" if record.exc_info else "library-message"
    return str(getattr(record, "event", other))


def fields_of(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the fields of the event."""
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


def goes_to_journal() -> bool:
    """Return whether standard error is the journal, according to systemd (systemd.exec(5))."""
    with suppress(OSError):
        status = os.fstat(2)
        return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False


def _plain(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


def _described(error: BaseException) -> str:
    """Return ``error`` and the place in the code that raised it."""
    what = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{what}, at {frames[-1].filename}:{frames[-1].lineno}" if frames else what


def _traceback(error: BaseException) -> str:
    return printable_lines("".join(traceback.format_exception(error)).rstrip())
