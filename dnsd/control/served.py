"""The admin command that says what is served of a zone, for ``dnsd zone diff``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dnsd.build import images
from dnsd.control.status import rows_of
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.stock import Stock


def served_commands(rows: Mapping[str, ZoneRow], stock: Stock) -> dict[str, Command]:
    """Return the command for the zones in ``rows``, whose images are in ``stock``."""

    async def served(request: Mapping[str, Any]) -> dict[str, Any]:
        name = str(request.get("zone") or "")
        if not name:
            raise AdminError('"zone" must be the name of a zone')
        (row,) = rows_of(rows, name)
        image = row.served
        if image is None:
            raise AdminError(f"{row.origin} is not served: dnsd status {row.origin} says why")
        meta = await asyncio.to_thread(images.read_meta, stock, image.image)
        return {
            "zone": row.origin,
            "serial": image.serial,
            "file": str(row.file),
            "records": image.version,
            "listing": meta.listing,
            "pools": [(pool.policy.name, pool.policy.type) for pool in image.pools],
        }

    return {"zone-served": served}
