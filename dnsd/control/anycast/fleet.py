"""The fleet guard: a node that is to leave the route asks first whether another one announces it.

Only where an operator plans it: a node that fails leaves whatever the others do. The others are
those of [[anycast.probe]]; their pages say which VIPs they announce. While a node asks, and for a
moment after it may leave, its own page says that it announces none: of two that are asked to leave
at the same time at least one is refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dnsd.announce.announcer import RouteState
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from dnsd.announce.reach import Reach

    AskOthers = Callable[[], Awaitable[Sequence[tuple[str, Reach | None]]]]

LEAVING_S = 5.0
"""How long after it may leave a node counts as leaving: until its state tells."""


class FleetGuard:
    """Guards ``vips``; ``state`` returns the node's, ``ask_others`` their pages by URL."""

    def __init__(
        self,
        vips: tuple[str, ...],
        state: Callable[[], str],
        ask_others: AskOthers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vips = vips
        self._state = state
        self._ask_others = ask_others
        self._clock = clock
        self._asking = 0
        self._leaves_until = 0.0

    def announced(self) -> tuple[str, ...]:
        """Return the VIPs that this node announces, as far as others may count on it."""
        leaves = self._asking or self._clock() < self._leaves_until
        return () if leaves or self._state() != RouteState.ANNOUNCED else self._vips

    async def check(self) -> None:
        """Raise AdminError if no other node announces what this one does."""
        if self._state() != RouteState.ANNOUNCED:
            return
        self._asking += 1
        try:
            others = await self._ask_others()
        finally:
            self._asking -= 1
        if not others:
            return  # none are known: there is no fleet to guard
        lacking = [
            vip
            for vip in self._vips
            if not any(page is not None and vip in page.announces for _, page in others)
        ]
        if lacking:
            told = "; ".join(f"{url} {_said(page)}" for url, page in others)
            raise AdminError(
                f"this node is the last that is known to announce {', '.join(lacking)} ({told}): "
                "have another node announce first, or give the order with --force"
            )
        self._leaves_until = self._clock() + LEAVING_S


def _said(page: Reach | None) -> str:
    """Return what another node says, behind its URL."""
    if page is None:
        return "does not answer"
    return f"announces {', '.join(page.announces)}" if page.announces else "announces none"
