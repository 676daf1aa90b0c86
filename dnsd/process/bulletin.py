"""What one process has to tell another: the last word about each thing.

So it is as large as what there is to tell about, however long the other one does not listen; and
all of it can be told again, when the other one has been replaced.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_EVENTS = 1000
"""Words about no thing that lasts, of which the oldest are forgotten."""


class Bulletin:
    """Words by what they are about, and those that have not been told yet."""

    def __init__(self) -> None:
        self._words: dict[str, bytes] = {}
        self._untold: OrderedDict[str, bytes] = OrderedDict()
        self._events: deque[bytes] = deque(maxlen=MOST_EVENTS)

    def __bool__(self) -> bool:
        """Tell whether there is something that has not been told."""
        return bool(self._untold or self._events)

    def put(self, about: str, word: bytes) -> None:
        """Have ``word`` told, unless it is what was said last ``about`` this."""
        if self._words.get(about) == word:
            return
        self._words[about] = self._untold[about] = word

    def end(self, about: str, word: bytes) -> None:
        """Have ``word`` told as the last one ``about`` this: who comes later need not hear it."""
        if self._words.pop(about, None) is not None:
            self._untold[about] = word

    def forget(self, about: str) -> None:
        """Say nothing ``about`` this any more."""
        self._words.pop(about, None)
        self._untold.pop(about, None)

    def event(self, word: bytes) -> None:
        """Have ``word`` told once, behind all others."""
        self._events.append(word)

    def again(self) -> None:
        """Tell everything from the beginning: the other one is new."""
        self._untold = OrderedDict(self._words)

    def tell(self, send: Callable[[bytes], bool]) -> None:
        """Tell as much as ``send`` takes; it returns False when there is no more room."""
        while self._untold:
            about, word = next(iter(self._untold.items()))
            if not send(word):
                return
            del self._untold[about]
        while self._events:
            if not send(self._events[0]):
                return
            self._events.popleft()
