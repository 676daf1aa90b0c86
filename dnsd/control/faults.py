"""Faults that the event loop meets by itself; the want of descriptors is one of them.

accept() without a descriptor is no fault of dnsd's: the loop waits a second and tries again,
and one line says so, not a traceback for each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnsd.process import descriptors, log

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

PAUSE_S = 60.0
"""Seconds between two lines about the same want."""


class FaultTeller:
    """Handles what the event loop could not: to be given to ``set_exception_handler``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = float("-inf")

    def __call__(self, loop: AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of a want of this process's in a line, now and then; of all else as asyncio does."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in descriptors.WANT:
            loop.default_exception_handler(context)
            return
        if self._clock() >= self._next:
            self._next = self._clock() + PAUSE_S
            log.say(
                "descriptors-exhausted",
                f"control: {context['message']} ({error.strerror}); trying again: "
                "raise the limit of open files (LimitNOFILE= or ulimit -n)",
            )
