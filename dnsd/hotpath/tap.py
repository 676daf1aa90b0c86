"""Copies queries and their responses for recorders that listen, as :mod:`dnsd.image.tap` describes.

While none does, it is one look at a cell. It knows no clock but the monotonic one.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING

from dnsd.hotpath.api import packed
from dnsd.hotpath.limiter import Admission
from dnsd.image.tap import (
    ALIGNED,
    ENTRY,
    LONGEST_TOOK,
    MOST,
    RING,
    TapControl,
    TapFlag,
    TapHead,
    is_below,
)
from dnsd.wire.query import REFUSED

if TYPE_CHECKING:
    from dnsd.hotpath.api import Client
    from dnsd.hotpath.body import Body
    from dnsd.image.tap import TapCells

_VERDICTS = {
    Admission.SEND: 0,
    Admission.SLIP: TapFlag.LIMITED | TapFlag.SLIPPED,
    Admission.DROP: TapFlag.LIMITED,
}


class Tap:
    """Writes into ``cells`` what control's words say: one worker's."""

    def __init__(self, cells: TapCells) -> None:
        self._control, self._head, self._ring = cells

    def begins(self) -> int:
        """Return when a query began that may be taken (monotonic, ns); 0 if none listens."""
        control = self._control
        listened = control[TapControl.THRESHOLD] or control[TapControl.ODD]
        return monotonic_ns() if listened else 0

    def note(
        self, began: int, packet: bytes, client: Client, body: Body, response: bytes | None
    ) -> None:
        """Take a query that ``began`` then, if it is to be taken."""
        control, head = self._control, self._head
        head[TapHead.ASKED] = number = head[TapHead.ASKED] + 1
        now = monotonic_ns()
        took = min(now - began, LONGEST_TOOK)
        flags = _VERDICTS[body.verdict]
        if body.rcode == REFUSED:
            flags |= TapFlag.REFUSED
        if took > control[TapControl.SLOW]:
            flags |= TapFlag.SLOW
        if not (
            is_below(number, control[TapControl.THRESHOLD])
            or (flags & TapFlag.ODD and control[TapControl.ODD])
        ):
            return
        octets = packed(client.address)
        head[TapHead.TAKEN] = taken = head[TapHead.TAKEN] + 1
        answer = response or b""
        query_kept, response_kept = packet[:MOST], answer[:MOST]
        used = ENTRY.size + len(query_kept) + len(response_kept)
        size = -(-used // ALIGNED) * ALIGNED
        entry = ENTRY.pack(
            size,
            flags,
            client.port,
            number,
            taken,
            now,
            took,
            len(packet),
            len(answer),
            len(query_kept),
            len(response_kept),
            4 if len(octets) == 4 else 6,
            client.transport,
            body.rcode,
            body.account.kind,
            octets,
        )
        self._write((entry + query_kept + response_kept).ljust(size, b"\0"))

    def _write(self, entry: bytes) -> None:
        head, ring = self._head, self._ring
        at = head[TapHead.WRITTEN]
        place = at % RING
        gap = RING - place if place + len(entry) > RING else 0
        head[TapHead.RESERVED] = end = at + gap + len(entry)
        if gap:
            ring[place : place + ALIGNED] = (gap | TapFlag.GAP << 32).to_bytes(ALIGNED, "little")
            place = 0
        ring[place : place + len(entry)] = entry
        head[TapHead.WRITTEN] = end
