"""What operators, metrics and other programs see of the anycast plane, as plain values.

Keys are only ever added.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.announce.orders import Orders
    from dnsd.control.anycast.keeper import BirdView
    from dnsd.control.anycast.plane import Plane, PlaneView


def report(plane: Plane, view: PlaneView) -> dict[str, Any]:
    """Return ``view`` as plain values; durations in seconds, times as POSIX seconds."""
    wall, now = time.time(), time.monotonic()
    orders: Orders = plane.orders.at(wall)
    troubles = (view.obstacle, view.blind, view.unasked, plane.orders.fault, view.bird.error)
    found = {
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
    return {**found, "as_ordered": is_as_ordered(found)}


def is_as_ordered(found: Mapping[str, Any]) -> bool:
    """Return whether the route is as the operator has ordered: without an order, announced.

    It is not where dnsd has drained or withdrawn the node by itself, nor where something keeps what
    dnsd wants from being true, such as a BIRD that is down.
    """
    orders = found["orders"]
    withdrawn = orders["withdraw"] is not None
    wanted = "withdrawn" if withdrawn else "announced" if orders["drain"] is None else "drained"
    carried = all(vip["carrier"] != withdrawn for vip in found["vips"])
    return bool(found["state"] == wanted and carried and not found["problems"])


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
