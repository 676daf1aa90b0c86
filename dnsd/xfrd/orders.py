"""Answers operators' commands: ``dnsd zone status``, ``notify``, ``refresh``, ``retransfer``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.transfer.ipc import OrderDone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.transfer.ipc import TransferOrder
    from dnsd.xfrd.knowledge import Knowledge, Row

ROWS = 100
"""Rows in one message, at most."""

_NOTHING = {
    "notify": "no server is to be notified of {}: add notify to its [[zone]] or to [transfers]",
    "refresh": "{} is not fetched from other servers: its [[zone]] has no primaries",
    "retransfer": "{} is not fetched from other servers: its [[zone]] has no primaries",
}


def answer(order: TransferOrder, known: Knowledge) -> Iterator[OrderDone]:
    """Carry out ``order``, and yield its result, in as many messages as needed."""
    if order.zone and order.zone not in known.zones:
        yield OrderDone(number=order.number, fault=f"there is no zone {order.zone}")
        return
    zones = [order.zone] if order.zone else sorted(known.zones)
    if order.what == "status":
        yield from _rows(order.number, [_row(known, zone) for zone in zones])
        return
    done = [_obey(known, order.what, zone) for zone in zones]
    faults = [fault for fault in done if fault]
    # An order for all zones skips those to which it does not apply.
    is_lost = len(faults) == len(done) if not order.zone else bool(faults)
    yield OrderDone(number=order.number, fault=faults[0] if faults and is_lost else "")


def _obey(known: Knowledge, what: str, zone: str) -> str:
    for part in known.parts:
        if (fault := part.obey(what, zone)) is not None:
            return fault
    return _NOTHING.get(what, f"there is no order {what!r}").format(zone)


def _row(known: Knowledge, zone: str) -> Row:
    told = known.zones[zone]
    row: Row = {"zone": zone, "serial": told.serial}
    for part in known.parts:
        row |= part.row(zone)
    return row


def _rows(number: int, rows: list[Row]) -> Iterator[OrderDone]:
    for at in range(0, max(len(rows), 1), ROWS):
        some = tuple(rows[at : at + ROWS])
        yield OrderDone(number=number, rows=some, more=at + ROWS < len(rows))
