"""What a control process leaves to its successor, whatever the disk says: blobs in shared memory.

Each has a cell of the state vector, which says where it stands. A blob is put first, then its cell
is changed: a successor finds the old one or the new one, whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.image.memory import Memory, Region
from dnsd.image.state import ControlCells

if TYPE_CHECKING:
    from dnsd.image.state import StateVector

_LENGTH = 8
"""Octets in front of a blob that say how long it is."""


class Keepsake:
    """One blob in ``memory``; ``cells[cell]`` says where."""

    def __init__(self, memory: Memory, cells: memoryview, cell: int) -> None:
        self._memory = memory
        self._cells = cells
        self._cell = cell

    def get(self) -> bytes | None:
        """Return what was put last, by this process or an earlier one; None if nothing was."""
        region = self.region()
        return None if region is None else self._memory.read(region)[_LENGTH:]

    def put(self, data: bytes) -> None:
        """Put ``data`` in the place of what there is; without memory for it, that stays."""
        before = self.region()
        try:
            region = self._memory.put(len(data).to_bytes(_LENGTH, "little") + data)
        except OSError:
            # What is old is worse than nothing: the successor then looks at the disk.
            self._cells[self._cell] = 0
        else:
            self._cells[self._cell] = region.at
        if before is not None:
            self._memory.free(before)

    def region(self) -> Region | None:
        """Return where it stands; None: nothing is kept."""
        if not (at := self._cells[self._cell]):
            return None
        size = int.from_bytes(self._memory.read(Region(at, _LENGTH)), "little")
        return Region(at, _LENGTH + size)


class Keepsakes:
    """All keepsakes of control, in the memory ``fd``."""

    def __init__(self, fd: int, vector: StateVector) -> None:
        memory = Memory(fd)
        self.config, self.ledger, self.pools, self.orders, self.hooks = every = tuple(
            Keepsake(memory, vector.control, cell)
            for cell in (
                ControlCells.KEPT_CONFIG,
                ControlCells.KEPT_LEDGER,
                ControlCells.KEPT_POOLS,
                ControlCells.KEPT_ORDERS,
                ControlCells.KEPT_HOOKS,
            )
        )
        # An earlier process may have been killed in the middle of putting one.
        regions = [region for one in every if (region := one.region())]
        memory.keep_only(regions, memory.end)
