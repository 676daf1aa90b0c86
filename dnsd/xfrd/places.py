"""How many zones are asked for at once, in all and of one primary; the others wait in turn."""

from __future__ import annotations

from collections import deque


class Places:
    """Places for zones that are being asked for, each of a primary's address.

    One primary has no more than half of them: when it is slow, zones of others go on.
    """

    def __init__(self) -> None:
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[str]] = {}
        self._known: set[str] = set()

    def take(self, address: str, zone: str, most: int) -> bool:
        """Take a place for ``zone``, of ``most``; False: it waits until it is the :meth:`next`."""
        if self._has_room(address, most):
            self._busy[address] = self._busy.get(address, 0) + 1
            return True
        if zone not in self._known:
            self._known.add(zone)
            self._waiting.setdefault(address, deque()).append(zone)
        return False

    def leave(self, address: str) -> None:
        """Give a place of ``address`` back."""
        self._busy[address] -= 1
        if not self._busy[address]:
            del self._busy[address]

    def next(self, most: int) -> str | None:
        """Return the next zone that waits and is to try again; None if there is no place for one.

        It may have been given up, or asked for by other ways: so ask until there is none.
        """
        for waiting in list(self._waiting):
            if self._has_room(waiting, most):
                return self._pop(waiting)
        return None

    def _pop(self, address: str) -> str:
        """Return the zone that has waited longest for ``address``; others come before it next."""
        queue = self._waiting.pop(address)
        zone = queue.popleft()
        self._known.discard(zone)
        if queue:
            self._waiting[address] = queue
        return zone

    def _has_room(self, address: str, most: int) -> bool:
        if sum(self._busy.values()) >= most:
            return False
        return self._busy.get(address, 0) < max(1, most // 2)
