"""The watch over files at work: looks at all of them now and then, at some when the kernel says so.

A look costs a stat of each file, however few have changed; what the kernel tells of is seen at
once, and costs the same however many there are. What is due is decided by
:mod:`dnsd.control.zones.watch`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from dnsd.control.zones.requests import ReloadRequest
from dnsd.control.zones.writers import Writers

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable

    from dnsd.config import Zones
    from dnsd.control.zones.building import Building
    from dnsd.control.zones.report import ReloadReport
    from dnsd.control.zones.watch import Watch

LOOK_SHARE = 20
"""Looking at all files may take a twentieth of the time: ten thousand of them are looked at
less often."""
TOLD_SHARE = 100
"""Where the kernel tells of every change, a hundredth is enough."""
GLANCE_S = 0.02
"""Pause between two glances while something is going on."""
GLANCE_SHARE = 4
"""It is so many times as long as the last one took, at least."""

RETRY_S = 2.0
"""Pause after a reload that has come to nothing."""


class Watching:
    """Feeds ``watch`` with what is seen; ``zones`` returns the configuration of the moment."""

    def __init__(self, watch: Watch, zones: Callable[[], Zones]) -> None:
        self._watch = watch
        self._zones = zones
        self._writers = Writers()
        self._rest = 0.0
        self._look_at = 0.0

    async def changed(self) -> list[str]:
        """Wait until there may be something new; return what is due."""
        await asyncio.sleep(self._rest)
        left = max(0.0, self._look_at - time.monotonic())
        unsettled = self._watch.unsettled() | {*self._watch.written}
        await self._writers.stirred(min(left, GLANCE_S) if unsettled else left)
        if not self._zones().watch:
            self._rest = self._zones().poll
            return []
        began = time.monotonic()
        if began >= self._look_at:
            return await self._look(began)
        glance = self._writers.glance
        found = await asyncio.to_thread(glance, self._watch.followed, self._watch.unsettled())
        due = self._watch.glance(time.monotonic(), *found)
        self._rest = max(GLANCE_S, GLANCE_SHARE * (time.monotonic() - began))
        return due

    async def _look(self, began: float) -> list[str]:
        paths = self._watch.paths()
        found = await asyncio.to_thread(self._writers.look, paths)
        due = self._watch.look(time.monotonic(), *found)
        ended = time.monotonic()
        is_told = self._writers.is_all_told({path.rpartition("/")[0] for path in paths})
        share = TOLD_SHARE if is_told else LOOK_SHARE
        self._look_at = ended + max(self._zones().poll, share * (ended - began))
        self._rest = 0.0
        return due


async def keep_fresh(
    changed: Callable[[], Awaitable[list[str]]],
    watch: Watch,
    building: Building,
    ask: Callable[[ReloadRequest], Awaitable[Future[ReloadReport]]],
) -> None:
    """Have what has ``changed`` reloaded, for ever; ``ask`` returns when that is planned."""
    reports: list[Future[ReloadReport]] = []
    while True:
        found = await changed()
        ended = [one.result() for one in reports if one.done()]
        reports = [one for one in reports if not one.done()]
        # What has failed as a whole has noted nothing, so all of it is still due.
        if any(one.problems and not one.zones for one in ended):
            await asyncio.sleep(RETRY_S)
            continue
        # What is being built is looked at again when it has been.
        busy = building.among(found)
        if due := [one for one in found if one not in busy]:
            reports.append(await ask(ReloadRequest(frozenset(due), watch.suspects(due))))
