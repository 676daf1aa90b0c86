"""Up to what time all composed answers have left this machine, or never will.

A worker beats between its turns, so the answers it had composed by then were handed to the kernel,
or are too late within DELIVERED_WITHIN_S. One that is stopped, or starved, between its look at the
clock and the system call sends its answer whenever it goes on: no clock of its own bounds that. The
margin allows for STOPPED_S; after a longer stop, the bounds of what it gave out begin anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire.delivery import DELIVERED_WITHIN_S, STOPPED_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.caches.ledger import Ledger


class DelayWatch:
    """Tells ``ledger`` of delays; ``beat`` returns the earliest of the workers' last heartbeats.

    All times are monotonic seconds; without a worker ``beat`` is infinite.
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
        """Note answers that may have left only ``now``; return whether there are any.

        To be called at least each STOPPED_S / 2.
        """
        before, self._before = self._before, self._beat()
        late = now - before > STOPPED_S
        return late and self._ledger.delay(before - DELIVERED_WITHIN_S, now)
