"""Which pools depend on which, because a calculated check looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config.checkkeys import each_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.config.policy import PoolPolicy
    from dnsd.config.references import Reference

Key = tuple[str, str]
"""The owner and the type of a pool."""


def references_of(pool: PoolPolicy) -> list[Reference]:
    """Return all references in the checks of ``pool``."""
    return [one for single in each_check(pool) if single.check == "calculated" for one in single.of]


def circle(pool: PoolPolicy, pools: Mapping[Key, PoolPolicy]) -> list[Key]:
    """Return the shortest circle by which ``pool`` depends on itself; empty if there is none."""
    start = (pool.name, pool.type)
    ways: list[list[Key]] = [[start]]
    known: set[Key] = set()
    while ways:
        way = ways.pop(0)
        for one in references_of(pools[way[-1]]):
            key = (one.name, one.type)
            if key == start:
                return [*way, key]
            if key in pools and key not in known:
                known.add(key)
                ways.append([*way, key])
    return []
