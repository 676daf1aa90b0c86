"""The cookie secrets (RFC 9018) that control hands to workers that run, in shared memory.

    cell 0   version: odd while they are being written, 0 as long as the ones of the start hold
    cell 1   how many there are; then each in two cells

Only processes of this node have that memory, and none of it stands in a file of dnsd's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 4
CELLS = 2 + 2 * MOST
"""Cells of the place where they stand."""

_OCTETS = 16


def write(place: memoryview, secrets: Sequence[bytes]) -> None:
    """Hand ``secrets`` out, of 16 octets each and at most ``MOST``; control alone does."""
    place[0] |= 1  # an earlier writer may have been killed while it wrote
    place[1] = len(secrets)
    octets = memoryview(b"".join(secrets)).cast("Q")
    place[2 : 2 + len(octets)] = octets
    place[0] += 1


def version(place: memoryview) -> int:
    """Return which secrets there are, by a number that rises; 0 if none were handed out."""
    return int(place[0])


def read(place: memoryview) -> tuple[int, tuple[bytes, ...]] | None:
    """Return the version and the secrets; None while they are being written."""
    before = place[0]
    octets = place[2:CELLS].tobytes()
    count = min(place[1], MOST)
    if before % 2 or place[0] != before:
        return None
    return before, tuple(octets[_OCTETS * at : _OCTETS * (at + 1)] for at in range(count))
