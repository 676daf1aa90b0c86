"""What one process tells another: the latest message about each thing.

So its size is bounded by the number of things, however long the other process does not read; and
all of it can be sent again after the other process was replaced.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_EVENTS = 1000
"""Events that wait, at most; the oldest are dropped."""


class Bulletin:
    """Messages by their subject, and which of them have not been sent yet."""

    def __init__(self) -> None:
        self._words: dict[str, bytes] = {}
        self._untold: OrderedDict[str, bytes] = OrderedDict()
        self._events: deque[bytes] = deque(maxlen=MOST_EVENTS)

    def __bool__(self) -> bool:
        """Tell whether a message has not been sent yet."""
        return bool(self._untold or self._events)

    def put(self, about: str, word: bytes) -> None:
        """Queue ``word``, unless it equals the last message ``about`` this subject."""
        if self._words.get(about) == word:
            return
        self._words[about] = self._untold[about] = word

    def end(self, about: str, word: bytes) -> None:
        """Queue ``word`` as the last one ``about`` this: a new process does not get it."""
        if self._words.pop(about, None) is not None:
            self._untold[about] = word

    def forget(self, about: str) -> None:
        """Remove the message ``about`` this subject."""
        self._words.pop(about, None)
        self._untold.pop(about, None)

    def event(self, word: bytes) -> None:
        """Queue ``word`` to be sent once, after all others."""
        self._events.append(word)

    def again(self) -> None:
        """Send everything again: the other process is new."""
        self._untold = OrderedDict(self._words)

    def tell(self, send: Callable[[bytes], bool]) -> None:
        """Send as much as ``send`` accepts; it returns False when there is no more room."""
        while self._untold:
            about, word = next(iter(self._untold.items()))
            if not send(word):
                return
            del self._untold[about]
        while self._events:
            if not send(self._events[0]):
                return
            self._events.popleft()
