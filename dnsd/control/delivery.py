"""From what is published to what every worker serves: the part of a reload that is waited for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from dnsd.control.zones.report import followed

if TYPE_CHECKING:
    from dnsd.control.converge import Convergence
    from dnsd.control.cookies import CookieSecrets
    from dnsd.control.publish import Publisher
    from dnsd.control.zones.reload import Reloader
    from dnsd.control.zones.report import ReloadReport

ACKNOWLEDGE_S = 15.0
"""How long workers may take to apply a generation before a reload is said to have failed.

Ten times what the master waits before it replaces one that is stuck."""
ACKNOWLEDGE_POLL_S = 0.005
GAPS_S = 2.0
"""How long a reload waits for what a worker cannot put in place: it tries again, and what is
missing or damaged is built again meanwhile. What takes longer is told, and goes on."""


class Delivery:
    """Waits for the workers, and has ``reloader`` build again what they cannot read."""

    def __init__(
        self,
        publisher: Publisher,
        reloader: Reloader,
        convergence: Convergence,
        cookies: CookieSecrets,
    ) -> None:
        self._publisher = publisher
        self._reloader = reloader
        self._convergence = convergence
        self._cookies = cookies

    async def wait(self, report: ReloadReport) -> ReloadReport:
        """Wait until what is published is served; return ``report`` with what that has taken."""
        began = mended = time.monotonic()
        while self._publisher.behind(self._publisher.generation) or self._cookies.behind():
            now = time.monotonic()
            unread = self._publisher.unread(self._publisher.generation)
            gaps_only = not unread and not self._cookies.behind()
            if now - began > ACKNOWLEDGE_S or (gaps_only and now - mended > GAPS_S):
                break
            if gaps_only and (due := await self._convergence.due()):
                report = followed(report, await self._reloader.run(due))
                mended = time.monotonic()
            await asyncio.sleep(ACKNOWLEDGE_POLL_S)
        return report

    def problems(self) -> tuple[str, ...]:
        """Return sentences about the workers that do not serve what is published."""
        generation = self._publisher.generation
        unread = self._publisher.unread(generation)
        late = [
            f"worker {index} has not loaded the new data within {ACKNOWLEDGE_S:.0f} s"
            for index in unread
        ]
        now = time.monotonic()
        found = self._convergence.differences() if self._publisher.behind(generation) else ()
        gaps = (one.told(now) for one in found if one.worker not in unread)
        cookies = (f"worker {index} uses old cookie secrets" for index in self._cookies.behind())
        return (*late, *gaps, *cookies)
