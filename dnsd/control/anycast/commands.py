"""The admin commands of the anycast plane: what operators ask of it, and order.

Other programs read the answers too: keys are only ever added.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.announce.orders import RouteOrder
from dnsd.control.anycast.report import report
from dnsd.control.nothing import may_leave
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.anycast.plane import Plane

CARRY_OUT_S = 6.0
"""How long an order may take to be carried out before it is answered."""

WRITE_S = 5.0
"""How long a disk may take, after that, to write it down."""

LONGEST_REASON = 500


def commands(plane: Plane | None) -> dict[str, Command]:
    """Return the commands by name; without a plane they say why there is nothing to do."""
    if plane is None:
        refused = dict.fromkeys(("anycast", "drain", "undrain", "withdraw", "announce"), _refuse)
        return {**refused, "leave": may_leave}
    desk = _Desk(plane)
    return {
        "anycast": desk.show,
        "drain": desk.drain,
        "undrain": desk.undrain,
        "withdraw": desk.withdraw,
        "announce": desk.announce,
        "leave": desk.leave,
    }


async def _refuse(_request: Mapping[str, Any]) -> object:
    raise AdminError(
        "this node announces nothing: anycast is not enabled in its configuration ([anycast])"
    )


class _Desk:
    """Takes orders; each answer is what is true after it."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def show(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        return report(self._plane, self._plane.view())

    async def leave(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Tell whether the node may be stopped."""
        await self._guard(request)
        return {}

    async def _guard(self, request: Mapping[str, Any]) -> None:
        """Raise AdminError if no node would announce the VIPs any more, unless that is intended."""
        if not request.get("force"):
            await self._plane.fleet.check()

    async def drain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        order = order_of(request)
        await self._guard(request)
        return await self._put(drain=order)

    async def undrain(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        self._plane.forgive_drain()
        return await self._put(drain=None)

    async def withdraw(self, request: Mapping[str, Any]) -> dict[str, Any]:
        order = order_of(request)
        await self._guard(request)
        return await self._put(withdraw=order)

    async def announce(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        self._plane.forgive()
        return await self._put(withdraw=None)

    async def _put(self, **changes: RouteOrder | None) -> dict[str, Any]:
        book = self._plane.orders
        book.put(msgspec.structs.replace(book.at(time.time()), **changes))
        writing = asyncio.ensure_future(book.write())
        view = await self._plane.carried_out(CARRY_OUT_S)
        await asyncio.wait((writing,), timeout=WRITE_S)
        return report(self._plane, view)


def order_of(request: Mapping[str, Any]) -> RouteOrder:
    """Return the order that ``request`` gives; AdminError if it is none."""
    seconds, reason = request.get("for"), request.get("reason", "")
    if not isinstance(reason, str) or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise AdminError(f'"reason" must be one line of at most {LONGEST_REASON} characters')
    if seconds is not None and (not isinstance(seconds, int | float) or seconds <= 0):
        raise AdminError('"for" must be a number of seconds, more than 0')
    now = time.time()
    return RouteOrder(since=now, until=None if seconds is None else now + seconds, reason=reason)
