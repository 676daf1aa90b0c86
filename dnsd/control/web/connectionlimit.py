"""How many connections there may be, and which one goes when there are too many: pure.

A client that sends half a request, or reads half an answer, holds a place only while no other
wants it. The other nodes of a site have places of their own: their votes must not wait for
strangers.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST = 64
"""Connections at once, those of the other nodes aside."""
MOST_OF_SOURCE = 16
"""Connections at once of one source: an IPv4 address, or an IPv6 /64."""


class Guest:
    """A connection of ``source``. While it is ``busy``, its page is being made, and it stays."""

    def __init__(self, source: str, leave: Callable[[], object], *, busy: bool = False) -> None:
        self.source = source
        self.leave = leave
        self.busy = busy


class Room:
    """The guests, in the order in which they have come; ``reserved`` are sources with places."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._guests: dict[Guest, None] = {}
        self._of: Counter[str] = Counter()
        self._reserved = frozenset(reserved)

    def __len__(self) -> int:
        return len(self._guests)

    def __contains__(self, guest: Guest) -> bool:
        return guest in self._guests

    def enter(self, guest: Guest) -> bool:
        """Let ``guest`` in, and have another one leave if that is needed; return whether it is in.

        At its own limit a source makes room itself; when all places are taken, it is the source
        with the most connections that does. A reserved source takes no place of the others.
        """
        if self._of[guest.source] >= MOST_OF_SOURCE:
            is_in = self._make_way(guest.source)
        elif guest.source in self._reserved or self._strangers() < MOST:
            is_in = True
        else:
            crowds = (source for source, _ in self._of.most_common())
            is_in = any(self._make_way(one) for one in crowds if one not in self._reserved)
        if is_in:
            self._guests[guest] = None
            self._of[guest.source] += 1
        return is_in

    def exit(self, guest: Guest) -> None:
        """Note that ``guest`` is gone; it may have been noted before."""
        if guest in self._guests:
            del self._guests[guest]
            self._of[guest.source] -= 1
            if not self._of[guest.source]:
                del self._of[guest.source]

    def _strangers(self) -> int:
        return len(self._guests) - sum(self._of[source] for source in self._reserved)

    def _make_way(self, source: str) -> bool:
        """Have the longest guest of ``source`` leave that is not busy; return if there was one."""
        for guest in self._guests:
            if guest.source == source and not guest.busy:
                self.exit(guest)
                guest.leave()
                return True
        return False


def source_of(address: str) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 of an IPv6 address."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(found)
