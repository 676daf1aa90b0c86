"""What an image says of its pools, and who decides on them.

Apart from ``policypools``, so that control need not load the compiler for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

# msgspec looks the type up when it decodes.
from dnsd.config.policy import PoolPolicy
from dnsd.image.selection import Members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.image.cells import Range


class PoolMeta(msgspec.Struct, frozen=True, kw_only=True):
    """One pool of an image.

    ``members`` are addresses, or names that a CNAME leads to, in the order of the bits of a mask;
    those of ``policy.fallback`` follow. ``ttl`` is that of the zone file: Tmax. ``cell`` is where
    its cells begin, from where those of the image do; ``cells`` is how many there are.

    While the pool is undecided, the member ``undecided`` is answered; if that is empty, all are.
    """

    policy: PoolPolicy
    ttl: int
    members: tuple[str, ...]
    cell: int
    cells: int
    undecided: str = ""

    @property
    def undecided_mask(self) -> Members:
        """The members that are answered while the pool is undecided."""
        if self.undecided:
            return Members.of([self.members.index(self.undecided)])
        return Members.of(range(len(self.members)))


class Pools(Protocol):
    """Who decides on pools; called by who publishes images, in control's loop."""

    async def expect(self, pools: Sequence[PoolMeta]) -> None:
        """``pools`` are about to be declared in the ledger."""

    def place(self, origin: str, pools: Sequence[PoolMeta], cell: int) -> None:
        """Write selections into the cells from ``cell`` on, for an image to be published next.

        From now on decisions go there. Until :meth:`release`, workers may still answer from
        the image that the zone had before.
        """

    def remove(self, origin: str) -> None:
        """The zone ``origin`` is about to be dropped."""

    def release(self, cells: Range) -> None:
        """No worker answers from these cells any more: another image will get them."""
