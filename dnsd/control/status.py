"""What ``dnsd status`` is told: one snapshot of the node as plain values.

Reads the state vector and the table of zones; changes nothing. Other programs read it too:
keys are only ever added.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import dnsd
from dnsd import hotpath
from dnsd.config import origins
from dnsd.control import limited
from dnsd.errors import AdminError
from dnsd.image.state import ControlCells, WorkerCells
from dnsd.metrics import counters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dnsd.config import Config
    from dnsd.control.spec import ControlSpec
    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.state import StateVector
    from dnsd.zone.validity import Validity


_WELL = "served"
"""The state of a zone that is as it is in its file."""
FEW = 50
"""Zones that are listed for people, if not all are asked for: those that are not well first."""


def snapshot(
    spec: ControlSpec,
    config: Config,
    vector: StateVector,
    rows: Collection[ZoneRow],
    most: int | None = None,
) -> dict[str, Any]:
    """Return the status of the node; durations in seconds, ``since`` in POSIX seconds.

    If there are more than ``most`` zones, those that are not well are listed, as far as they fit.
    """
    now = time.monotonic_ns()
    control = vector.control
    workers = vector.serving
    return {
        "version": dnsd.__version__,
        "hot_path": hotpath.implementation(),
        "pid": spec.master,
        "uptime": (now - spec.started) / 1e9,
        "config": str(config.path) if config.path else None,
        "state_directory": str(config.server.state_directory),
        "listen": [str(one) for one in (*config.server.listen, *config.anycast.endpoints)],
        "control": {"pid": control[ControlCells.PID]},
        "generation": control[ControlCells.GENERATION],
        "workers": [_worker(index, vector.worker(index), now) for index in workers],
        "zone_states": dict(Counter(str(row.state) for row in rows)),
        "zones": [_zone(row) for row in _listed(rows, most)],
        "limited": limited.snapshot(vector),
        "counters": counters.total([vector.counters(index) for index in range(vector.workers)]),
    }


def rows_of(rows: Mapping[str, ZoneRow], name: str) -> Collection[ZoneRow]:
    """Return the zone ``name``, or all if it is empty; AdminError if there is no such zone."""
    if not name:
        return rows.values()
    try:
        origin = origins.normal(name)
    except ValueError as error:
        raise AdminError(str(error)) from error
    if origin not in rows:
        raise AdminError(f"{origin} is not a zone of this node: `dnsd zones` lists them")
    return [rows[origin]]


def _listed(rows: Collection[ZoneRow], most: int | None) -> list[ZoneRow]:
    if most is not None and len(rows) > most:
        now = time.time()
        unwell = [row for row in rows if row.state != _WELL or _is_warned_of(row, now)]
        return sorted(unwell, key=lambda row: row.origin)[:most]
    return sorted(rows, key=lambda row: row.origin)


def _is_warned_of(row: ZoneRow, now: float) -> bool:
    validity = row.validity
    return validity is not None and not validity.is_good(now)


def _worker(index: int, cells: memoryview, now: int) -> dict[str, Any]:
    beat = cells[WorkerCells.HEARTBEAT]
    return {
        "index": index,
        "pid": cells[WorkerCells.PID],
        "listening": bool(cells[WorkerCells.LISTENING]),
        "heartbeat_age": max(0, now - beat) / 1e9 if beat else None,
        "lag": cells[WorkerCells.LAG] / 1e9,
        "silent": cells[WorkerCells.SILENT] / 1e9,
        "generation": cells[WorkerCells.GENERATION],
        "read": cells[WorkerCells.READ],
        "tcp_open": cells[WorkerCells.TCP_OPEN],
    }


def _zone(row: ZoneRow) -> dict[str, Any]:
    served = row.served
    return {
        "zone": row.origin,
        "file": str(row.file),
        "state": row.state,
        "serial": served.serial if served else None,
        "records": served.records if served else 0,
        "since": row.since,
        "error": row.error,
        "findings": row.findings,
        "signatures": _signatures(row.validity),
    }


def _signatures(validity: Validity | None) -> dict[str, Any] | None:
    """Return how the signatures of a zone are; None if it has none."""
    if validity is None:
        return None
    now = time.time()
    return {
        "state": validity.state(now),
        "begin": validity.begins,
        "end": validity.ends,
        "first": validity.first,
        "phrase": validity.phrase(now),
    }
