"""Makes BIRD follow the decisions about the route: at once on each change, and once a second.

Whatever BIRD does, this goes on; what was seen of it is logged when it changes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dnsd.announce.announcer import Wanted
from dnsd.control.anycast.keeper import BirdView, shortened
from dnsd.process import log

if TYPE_CHECKING:
    from dnsd.control.anycast.keeper import BirdReconciler
    from dnsd.process.supervisor import Supervisor

LOOK_S = 1.0
"""How often BIRD is looked at when nothing has changed."""


class BirdLoop:
    """``wanted`` is what was wanted last (:meth:`want`), ``view`` what was seen of BIRD since."""

    def __init__(self, keeper: BirdReconciler, lasting: Supervisor) -> None:
        self.wanted = Wanted(carrier=False, drain=False, enabled=True)
        self.view = BirdView(error="BIRD has not been asked yet")
        self._keeper = keeper
        self._lasting = lasting
        self._told = ""
        self._changed = asyncio.Condition()

    async def want(self, wanted: Wanted) -> None:
        """Have BIRD do what is ``wanted`` from now on."""
        if wanted != self.wanted:
            self.wanted = wanted
            async with self._changed:
                self._changed.notify_all()

    async def run(self) -> None:
        """Keep BIRD for ever."""
        while True:
            wanted = self.wanted
            try:
                view = await self._keeper.turn(wanted)
            except Exception as error:
                view = BirdView(error=self._lasting.tell(error), wanted=wanted)
            self._tell(view)
            async with self._changed:
                self.view = view
                self._changed.notify_all()
                await self._until_different(wanted)

    async def carried_out(self, seconds: float) -> None:
        """Wait until BIRD was seen after the last command, or ``seconds`` are over."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.view.wanted == self.wanted)
        except TimeoutError:
            pass

    async def _until_different(self, wanted: Wanted) -> None:
        """Wait for something else to be wanted, or for the next look."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self._changed.wait_for(lambda: self.wanted != wanted)
        except TimeoutError:
            pass

    def _tell(self, view: BirdView) -> None:
        """Log what has changed about BIRD."""
        told = view.error or "; ".join(shortened(view.problems))
        if view.booted != self.view.booted and view.booted and self.view.booted:
            log.say("bird-restarted", f"anycast: BIRD has restarted ({view.booted})")
        if told != self._told:
            self._told = told
            if told:
                log.say("bird-fault", f"anycast: {told}")
            else:
                log.say("bird-as-wanted", "anycast: BIRD is in the wanted state")
