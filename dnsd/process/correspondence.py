"""Exchanges messages with another process within an event loop: a bulletin out, messages in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dnsd.process.bulletin import Bulletin

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.process.packets import Packets

MESSAGES = 64
"""Messages that are handled in one turn of the loop."""


class Correspondence:
    """Passes each message from ``packets`` to ``take``, and sends what is in ``bulletin``.

    It must be made within the event loop. :meth:`tell` sends the bulletin.
    """

    def __init__(self, packets: Packets, take: Callable[[bytes], None]) -> None:
        self.bulletin = Bulletin()
        self._packets = packets
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._is_waiting = False
        self._loop.add_reader(packets.fileno(), self._on_readable)

    def tell(self) -> None:
        """Send what has not been sent: as much as there is room for now, and the rest later."""
        if not self._is_waiting:
            self._go_on()

    def _go_on(self) -> None:
        self.bulletin.tell(self._packets.send)
        if bool(self.bulletin) == self._is_waiting:
            return
        self._is_waiting = not self._is_waiting
        if self._is_waiting:
            self._loop.add_writer(self._packets.fileno(), self._go_on)
        else:
            self._loop.remove_writer(self._packets.fileno())

    def _on_readable(self) -> None:
        for _ in range(MESSAGES):
            found = self._packets.receive()
            if found is None:
                return
            self._take(found[0])
