"""The admin command about demand: how often pools are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.demand.rates import PoolRates
    from dnsd.control.failover.table import Table


def commands(table: Table, rates: PoolRates) -> dict[str, Command]:
    """Return the commands by name."""

    async def rates_of_pools(_request: Mapping[str, Any]) -> dict[str, Any]:
        return {"pools": [*pools(table, rates)]}

    return {"rates": rates_of_pools}


def pools(table: Table, rates: PoolRates) -> list[dict[str, Any]]:
    """Return each pool with its rate, which is None if it was not counted yet.

    ``rate`` has queries per second and the seconds in which they were counted; ``ttl`` is the one
    with which the pool is answered now, in seconds.
    """
    found = []
    for key, pool in sorted(table.pools.items()):
        rate = rates.rate(key)
        found.append(
            {
                "name": key.name,
                "type": key.type,
                "ttl": pool.decision.ttl,
                "rate": rate and rate._asdict(),
            }
        )
    return found
