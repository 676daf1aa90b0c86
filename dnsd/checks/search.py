"""Searches what a server has sent for a pattern, without keeping the event loop waiting.

A search takes linear time (:mod:`dnsd.config.pattern`), yet up to a second with the dearest pattern
in the longest body. So a body that is not small is searched in a thread, for a bounded time.
"""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor

from dnsd.checks.result import Blind
from dnsd.config.pattern import Pattern
from dnsd.config.units import format_duration
from dnsd.process.exchange import within

LONGEST_S = 0.5
"""Seconds that a search may take; the check's own time-out is for the server."""

SMALL = 1024
"""Characters that are searched at once: 16 ms at the worst, microseconds as a rule."""

_THREADS = 2


async def is_found(pattern: str, text: str) -> bool:
    """Return whether some part of ``text`` matches; Blind if that takes too long."""
    compiled = _compiled(pattern)
    if len(text) <= SMALL:
        return compiled.found_in(text)

    async def searching() -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_threads(), compiled.found_in, text)

    found = await within(LONGEST_S, searching())
    if found is None:
        longest = format_duration(LONGEST_S)
        raise Blind(f"searching the body for expect_body takes longer than {longest}: simplify it")
    return found


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Pattern:
    return Pattern(pattern)


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "expect_body")
