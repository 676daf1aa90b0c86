"""The admin commands of the anycast plane: what operators ask of it, and order.

Other programs read the answers too: keys are only ever added.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.announce.orders import Orders, RouteOrder
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.admin import Command
    from dnsd.control.anycast.keeper import BirdView
    from dnsd.control.anycast.plane import Plane, PlaneView

CARRY_OUT_S = 6.0
"""How long an order may take to be carried out before it is answered."""

WRITE_S = 5.0
"""How long a disk may take, after that, to write it down."""

LONGEST_REASON = 500


def commands(plane: Plane | None) -> dict[str, Command]:
    """Return the commands by name; without a plane they say why there is nothing to do."""
    if plane is None:
        return dict.fromkeys(("anycast", "drain", "undrain", "withdraw", "announce"), _refuse)
    desk = _Desk(plane)
    return {
        "anycast": desk.show,
        "drain": desk.drain,
        "undrain": desk.undrain,
        "withdraw": desk.withdraw,
        "announce": desk.announce,
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

    async def drain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._put(drain=order_of(request))

    async def undrain(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        self._plane.forgive_drain()
        return await self._put(drain=None)

    async def withdraw(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._put(withdraw=order_of(request))

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


def report(plane: Plane, view: PlaneView) -> dict[str, Any]:
    """Return ``view`` as plain values; durations in seconds, times as POSIX seconds."""
    wall, now = time.time(), time.monotonic()
    orders: Orders = plane.orders.at(wall)
    troubles = (view.obstacle, view.blind, view.unasked, plane.orders.fault, view.bird.error)
    return {
        "state": view.state,
        "since": wall - (now - view.since),
        "why": view.why,
        "held_down": view.held,
        "health": None if view.verdict is None else view.verdict.level.name.lower(),
        "reasons": () if view.verdict is None else view.verdict.reasons,
        "orders": msgspec.to_builtins(orders),
        "interface": plane.config.interface,
        "vips": [_vip(vip, view) for vip in plane.config.vips],
        "bird": bird_report(view.bird),
        "problems": [*dict.fromkeys(filter(None, troubles)), *view.bird.problems],
        "advice": [*view.advice, *filter(None, [plane.probes.remark()])],
        "unwritten": plane.orders.fault or None,
        "probes": plane.probes.report(),
    }


def _vip(vip: str, view: PlaneView) -> dict[str, Any]:
    survey, bird = view.survey, view.bird
    return {
        "vip": vip,
        "wanted": _wanted(view),
        "address": survey is not None and vip in survey.addresses,
        "elsewhere": None if survey is None else survey.elsewhere.get(vip),
        "carrier": view.carrier,
        "in_bird": bird.protocol or None,
        "exported_to": [one.name for one in bird.sessions if vip in one.exported],
        "drained_to": [one.name for one in bird.sessions if vip in one.drained],
        "others": [protocol for other, protocol in bird.others if other == vip],
    }


def _wanted(view: PlaneView) -> str:
    if not view.wanted.carrier:
        return "withdrawn"
    return "drained" if view.wanted.drain else "announced"


def bird_report(bird: BirdView) -> dict[str, Any]:
    """Return what was seen of BIRD as plain values."""
    return {
        "error": bird.error or None,
        "version": bird.version or None,
        "booted": bird.booted or None,
        "sessions": [
            {
                "name": one.name,
                "established": one.established,
                "neighbor": one.neighbor,
                "bfd": one.bfd,
                "info": one.info,
            }
            for one in bird.sessions
        ],
    }
