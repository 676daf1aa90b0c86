"""The operator's orders for this node: drain or withdraw; they outlive the process.

Times are wall-clock seconds, so that an order ends on time even after a restart of the machine.
Knows no files.
"""

from __future__ import annotations

import msgspec


class RouteOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order; it ends at ``until``, or, if that is None, when it is undone."""

    since: float
    until: float | None = None
    reason: str = ""

    def ended(self, wall: float) -> bool:
        """Return whether it has ended by itself, at ``wall``."""
        return self.until is not None and wall >= self.until


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """The orders in force."""

    drain: RouteOrder | None = None
    withdraw: RouteOrder | None = None

    def at(self, wall: float) -> Orders:
        """Return the orders that have not ended at ``wall``."""
        return Orders(drain=_left(self.drain, wall), withdraw=_left(self.withdraw, wall))


def encode(orders: Orders) -> bytes:
    """Return ``orders`` as JSON."""
    return msgspec.json.encode(orders)


def decode(data: bytes) -> Orders:
    """Return the orders in ``data``; msgspec.DecodeError if it holds none."""
    return msgspec.json.decode(data, type=Orders)


def _left(order: RouteOrder | None, wall: float) -> RouteOrder | None:
    return None if order is None or order.ended(wall) else order
