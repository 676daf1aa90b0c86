"""The latest events that this process has logged, for reports about the node."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dnsd.process.events import LogLevel

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 30


class RecentEvent(NamedTuple):
    """An event; ``at`` is in POSIX seconds."""

    at: float
    level: str
    name: str
    text: str


class RecentEvents(logging.Handler):
    """Keeps the last MOST events from the level info on."""

    def __init__(self) -> None:
        super().__init__(LogLevel.INFO)
        self._events: deque[RecentEvent] = deque(maxlen=MOST)
        logging.getLogger("dnsd").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a logged event."""
        name = getattr(record, "event", "")
        level = record.levelname.lower()
        self._events.append(RecentEvent(record.created, level, name, record.getMessage()))

    def latest(self) -> Sequence[RecentEvent]:
        """Return the events, the latest one first."""
        return [*reversed(self._events)]
