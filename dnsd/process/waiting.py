"""Waits for an event or a time, whichever comes first."""

from __future__ import annotations

import asyncio
import math


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event``, but not longer than ``seconds``; ``inf`` is for ever."""
    try:
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            await event.wait()
    except TimeoutError:
        pass
