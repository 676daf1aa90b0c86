"""Limits how many zones are fetched at once, in all and from one primary; others wait in turn."""

from __future__ import annotations

from collections import deque


class Places:
    """Places for zones that are being fetched, each with the address of its primary.

    One primary may take half of them, so a slow one does not hold up the zones of others.
    """

    def __init__(self) -> None:
        self._busy: dict[str, int] = {}
        self._waiting: dict[str, deque[str]] = {}
        self._known: set[str] = set()

    def take(self, address: str, zone: str, most: int) -> bool:
        """Take one of ``most`` places for ``zone``; False if it must wait for :meth:`next`."""
        if self._has_room(address, most):
            self._busy[address] = self._busy.get(address, 0) + 1
            return True
        if zone not in self._known:
            self._known.add(zone)
            self._waiting.setdefault(address, deque()).append(zone)
        return False

    def leave(self, address: str) -> None:
        """Give back a place of ``address``."""
        self._busy[address] -= 1
        if not self._busy[address]:
            del self._busy[address]

    def next(self, most: int) -> str | None:
        """Return the waiting zone that is next; None if no place is free for any.

        The caller may not need it any more (it was removed, or fetched meanwhile), and then asks
        again.
        """
        for waiting in list(self._waiting):
            if self._has_room(waiting, most):
                return self._pop(waiting)
        return None

    def _pop(self, address: str) -> str:
        """Return the zone that has waited longest for ``address``; other addresses come next."""
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
