"""What workers put into the tap: as much as the one wants who wants most, nothing without any."""

from __future__ import annotations

from typing import NamedTuple

from dnsd.image import tap

SLOW_NS = 1_000_000
"""An answer that took longer to make than this is slow: most take some microseconds."""


class Interest(NamedTuple):
    """What a listener wants: one query in ``one_in`` (0: none), and all that is ``odd``."""

    one_in: int
    odd: bool = False


class Listeners:
    """Keeps who listens, in ``words``, which all workers read."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self._interests: dict[str, Interest] = {}
        self._apply()  # an earlier process's listeners have gone with it

    def want(self, who: str, interest: Interest) -> None:
        """Have workers take what ``who`` wants, from now on."""
        self._interests[who] = interest
        self._apply()

    def leave(self, who: str) -> None:
        """Forget ``who``, who may have been forgotten before."""
        self._interests.pop(who, None)
        self._apply()

    def _apply(self) -> None:
        all_of_them = self._interests.values()
        most = max((tap.threshold(one.one_in) for one in all_of_them if one.one_in), default=0)
        tap.listen(self._words, most, any(one.odd for one in all_of_them), SLOW_NS)
