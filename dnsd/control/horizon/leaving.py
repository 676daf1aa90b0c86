"""Up to what time all composed answers have left this machine, or never will.

A worker beats between its turns. So when it beats, the answers that it composed before have gone to
the kernel, or will be found too late within DELIVERED_WITHIN_S. But a worker that is stopped or
starved between its look at the clock and the system call sends its answer whenever it continues; no
clock of its own bounds that. The margin allows for STOPPED_S; after a longer stop, the bounds of
everything it gave out begin again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire.delivery import DELIVERED_WITHIN_S, STOPPED_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.caches.ledger import Ledger


class DelayWatch:
    """Tells ``ledger`` of delays; ``beat`` returns the earliest of the workers' last heartbeats.

    All times are monotonic seconds; without workers ``beat`` returns infinity.
    """

    def __init__(self, ledger: Ledger, beat: Callable[[], float]) -> None:
        self._ledger = ledger
        self._beat = beat
        self._before = beat()

    @property
    def sent(self) -> float:
        """The time up to which all composed answers have left."""
        return self._beat() - DELIVERED_WITHIN_S

    def look(self, now: float) -> bool:
        """Note answers that may not have left before ``now``; return whether there are any.

        To be called at least every STOPPED_S / 2.
        """
        before, self._before = self._before, self._beat()
        late = now - before > STOPPED_S
        return late and self._ledger.delay(before - DELIVERED_WITHIN_S, now)
