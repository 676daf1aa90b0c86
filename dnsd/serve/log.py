"""What a worker says: sentences on standard error, one line each.

The service manager adds the time. An error of dnsd's own is one line too, with the place
it comes from; a flood of them is cut, for queries can be sent faster than lines be read.
"""

from __future__ import annotations

import logging
import sys
import traceback
from time import monotonic
from typing import TYPE_CHECKING

from dnsd.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

LINES_PER_SECOND = 10


def configure(index: int) -> None:
    """Have everything that is logged in this process said by worker ``index``."""
    # A line that cannot be written is lost, without a word about it where nobody reads.
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(f"dnsd worker {index}: %(message)s"))
    handler.addFilter(Limit(monotonic))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class OneLine(logging.Formatter):
    """Formats a record as one line; an exception is its name and where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its newline."""
        record.message = record.getMessage()
        line = self.formatMessage(record)
        if record.exc_info and record.exc_info[1]:
            line += f" ({describe(record.exc_info[1], record.exc_info[2])})"
        return printable(line.replace("\n", " "))


def describe(error: BaseException, trace: TracebackType | None) -> str:
    """Return ``error`` and the place in the code that raised it."""
    what = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(trace)
    return f"{what}, at {frames[-1].filename}:{frames[-1].lineno}" if frames else what


class Limit(logging.Filter):
    """Lets ``LINES_PER_SECOND`` records pass in a second of ``clock``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._second = 0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002
        """Return whether the record is to be written."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        return self._lines <= LINES_PER_SECOND
