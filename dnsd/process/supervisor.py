"""Repeats work for ever: an internal fault ends neither it nor anything else."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING

from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Supervisor:
    """Supervises the work of one part of dnsd; ``name`` is its name in the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: set[str] = set()

    async def go_on(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        """Do ``work`` for ever; after a fault begin again in ``pause`` seconds."""
        while True:
            try:
                await work()
            except Exception as error:
                self.tell(error)
            await asyncio.sleep(pause)

    def tell(self, error: Exception) -> str:
        """Log an internal fault, the first time only; return it as a sentence."""
        sentence = f"dnsd failed: {type(error).__name__}: {error}"
        kind = traceback.format_tb(error.__traceback__)[-1] + type(error).__name__
        if kind not in self._told:
            self._told.add(kind)
            told = f"{self._name}: {sentence}; trying again, without more messages"
            log.say("internal-error", told, cause=error)
        return sentence
