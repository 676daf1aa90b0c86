"""``dnsd log-level``: from which level on all processes of this node log, changed while it runs.

The order is a cell that every process reads; it lasts until the node is restarted, or until a
reload finds another ``[log] level``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnsd.errors import AdminError
from dnsd.image.state import ControlCells
from dnsd.process import log
from dnsd.process.events import LEVEL_WORDS, LogLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.effective import EffectiveConfig


class LevelKeeper:
    """Keeps the level in a cell of control's; ``effective`` says what is configured."""

    def __init__(self, cells: memoryview, effective: EffectiveConfig) -> None:
        self._cells = cells
        self._effective = effective

    def commands(self) -> dict[str, Command]:
        """Return the admin commands by name."""
        return {"log-level": self._set}

    async def _set(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Log from ``level`` on, if there is one; return the level, and what is configured."""
        before = log.level_now()
        configured = self._effective.config.log.lowest
        match request.get("level"):
            case None:
                pass
            case "configured":
                self._cells[ControlCells.LOG_LEVEL] = configured
            case word if word in LEVEL_WORDS:
                self._cells[ControlCells.LOG_LEVEL] = LogLevel[word.upper()]
            case other:
                levels = ", ".join(LEVEL_WORDS)
                raise AdminError(f"{other!r} is not a level: write {levels}, or configured")
        now = log.level_now()
        if now != before:
            told = f"log: the level is {now.word} (before: {before.word})"
            log.say("log-level-changed", told, was=before.word, now=now.word)
        return {"level": now.word, "before": before.word, "configured": configured.word}
