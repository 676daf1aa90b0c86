"""The processes of the node: control, workers, transfers, with their cells of the state vector.

The master is the only one that writes other processes' cells, and only while they are dead.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from dnsd.control import spec as control_specs
from dnsd.daemon.child import Child, Opening
from dnsd.image.state import ControlCells, WorkerCells, XfrdCells
from dnsd.serve import spec as worker_specs
from dnsd.xfrd import spec as xfrd_specs

if TYPE_CHECKING:
    from dnsd.control.spec import ControlSpec
    from dnsd.image.state import StateVector
    from dnsd.serve.spec import Inheritance, WorkerSpec
    from dnsd.xfrd.spec import XfrdSpec

_WORKER_HEAD = (
    WorkerCells.PID,
    WorkerCells.HEARTBEAT,
    WorkerCells.GENERATION,
    WorkerCells.LAG,
    WorkerCells.TCP_OPEN,
    WorkerCells.LISTENING,
    WorkerCells.SILENT,
    WorkerCells.READ,
    WorkerCells.SECRETS,
)


def control(spec: ControlSpec, vector: StateVector, prepared: int | None = None) -> Child:
    """Return the control process; with ``prepared``, an eventfd, it is held at first."""
    cells = vector.control

    def reset() -> None:
        cells[ControlCells.HEARTBEAT] = 0

    line = control_specs.encode(spec)
    shared = vector.fd, spec.journal_fd, spec.images_fd, spec.kept_fd
    own = spec.doorbell, spec.spare_fd, spec.xfrd_fd
    fds = (*shared, *(fd for fd in own if fd is not None))
    opening = None
    if prepared is not None:
        fd = os.dup(prepared)
        held = msgspec.structs.replace(spec, prepared=fd)
        opening = Opening(control_specs.encode(held), (fd,))
    return Child("control", "dnsd.control.__main__", line, fds, reset, opening)


def clear_seat(vector: StateVector, index: int) -> None:
    """Clear the seat of a worker that has ended, except its counters."""
    cells = vector.worker(index)
    for cell in _WORKER_HEAD:
        cells[cell] = 0
    sources = vector.sources(index)
    sources[:] = memoryview(bytes(sources.nbytes)).cast("H")


def worker(spec: WorkerSpec, vector: StateVector, inheritance: Inheritance | None = None) -> Child:
    """Return the process of a worker; one with an ``inheritance`` is held at first."""
    reset = partial(clear_seat, vector, spec.index)
    line = worker_specs.encode(spec)
    own = spec.xfrd_fd, spec.reins
    fds = (vector.fd, spec.journal_fd, spec.images_fd, *(fd for fd in own if fd is not None))
    opening = None
    if inheritance is not None:
        held = msgspec.structs.replace(spec, inheritance=inheritance)
        passed = (one.fd for one in inheritance.sockets)
        opening = Opening(worker_specs.encode(held), (*passed, inheritance.bequest))
    return Child(f"worker {spec.index}", "dnsd.serve.__main__", line, fds, reset, opening)


def xfrd(spec: XfrdSpec, vector: StateVector, prepared: int | None = None) -> Child:
    """Return the transfer process; one with ``prepared``, an eventfd, is held at first."""
    cells = vector.xfrd

    def reset() -> None:
        for cell in (XfrdCells.PID, XfrdCells.HEARTBEAT):
            cells[cell] = 0

    fds = vector.fd, spec.control, *spec.handed
    opening = None
    if prepared is not None:
        fd = os.dup(prepared)
        held = msgspec.structs.replace(spec, prepared=fd)
        opening = Opening(xfrd_specs.encode(held), (fd,))
    line = xfrd_specs.encode(spec)
    return Child("transfers", "dnsd.xfrd.__main__", line, fds, reset, opening)


def is_serving(cells: memoryview) -> bool:
    """Return whether the worker with these cells answers from what control has published."""
    return bool(cells[WorkerCells.LISTENING] and cells[WorkerCells.READ])
