"""Which edits would break a promise in seconds: of their own zone, or of any other on this node.

All checks of a node wait in one queue, so pools that are added can make the failures of others
felt for longer. Pure: it is given what is served and what would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.build.promises import Promises

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.config import CheckLimits, Failover
    from dnsd.config.policy import PoolPolicy

    Pools = Sequence[PoolMeta]


class Broken(NamedTuple):
    """A pool that an edit keeps from meeting its objective; ``why`` has the terms."""

    pool: PoolPolicy
    why: str

    @property
    def is_refusal(self) -> bool:
        """Whether the edit is to be refused; else it is warned of."""
        return self.pool.rto_mode == "refuse"

    def sentence(self) -> str:
        """Return what the edit does to it."""
        return (
            f"{self.pool.name} {self.pool.type}: rto: with this edit, and all that this node "
            f"checks, {self.why}"
        )


class Commitments:
    """What the pools that are ``served`` (by zone) keep of what they promise."""

    def __init__(
        self, served: Mapping[str, Pools], failover: Failover, limits: CheckLimits
    ) -> None:
        self._served = dict(served)
        self._failover, self._limits = failover, limits
        self._already = self._broken(self._served).keys()

    def all_kept(self, edits: Mapping[str, Pools]) -> bool:
        """Return whether ``edits``, all of them together, break nothing."""
        after = {**self._served, **edits}
        return not any(pool.policy.rto for pools in after.values() for pool in pools) or (
            self._broken(after).keys() <= self._already
        )

    def broken_by(self, origin: str, pools: Pools) -> list[Broken]:
        """Return what would be broken again if ``origin`` had ``pools``."""
        found = self._broken({**self._served, origin: pools})
        return [one for key, one in found.items() if key not in self._already]

    def take(self, origin: str, pools: Pools) -> None:
        """Go on with ``pools`` in ``origin``."""
        self._served[origin] = pools
        self._already = self._broken(self._served).keys()

    def _broken(self, zones: Mapping[str, Pools]) -> dict[tuple[str, str], Broken]:
        pools: Iterable[PoolMeta] = [pool for pools in zones.values() for pool in pools]
        promises = Promises(pools, self._failover, self._limits)
        return {
            (pool.policy.name, pool.policy.type): Broken(pool.policy, found.sentence())
            for pool, found in promises.broken(pools)
        }
