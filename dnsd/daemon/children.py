"""The processes of the node: control, workers, transfers, with their cells of the state vector.

The master is the only one that writes other processes' cells, and only while they are dead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.control import spec as control_specs
from dnsd.daemon.child import Child
from dnsd.image.state import ControlCells, WorkerCells, XfrdCells
from dnsd.serve import spec as worker_specs
from dnsd.xfrd import spec as xfrd_specs

if TYPE_CHECKING:
    from dnsd.control.spec import ControlSpec
    from dnsd.image.state import StateVector
    from dnsd.serve.spec import WorkerSpec
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


def control(spec: ControlSpec, vector: StateVector) -> Child:
    """Return the process of control."""
    cells = vector.control

    def reset() -> None:
        cells[ControlCells.HEARTBEAT] = 0

    line = control_specs.encode(spec)
    shared = vector.fd, spec.journal_fd, spec.images_fd, spec.kept_fd
    own = spec.doorbell, spec.spare_fd, spec.xfrd_fd
    fds = (*shared, *(fd for fd in own if fd is not None))
    return Child("control", "dnsd.control.__main__", line, fds, reset)


def worker(spec: WorkerSpec, vector: StateVector) -> Child:
    """Return the process of a worker."""
    cells = vector.worker(spec.index)

    def reset() -> None:
        for cell in _WORKER_HEAD:
            cells[cell] = 0

    line = worker_specs.encode(spec)
    fds = [vector.fd, spec.journal_fd, spec.images_fd]
    if spec.xfrd_fd is not None:
        fds.append(spec.xfrd_fd)
    return Child(f"worker {spec.index}", "dnsd.serve.__main__", line, tuple(fds), reset)


def xfrd(spec: XfrdSpec, vector: StateVector) -> Child:
    """Return the transfer process."""
    cells = vector.xfrd

    def reset() -> None:
        for cell in (XfrdCells.PID, XfrdCells.HEARTBEAT):
            cells[cell] = 0

    fds = vector.fd, spec.control, *spec.handed
    return Child("transfers", "dnsd.xfrd.__main__", xfrd_specs.encode(spec), fds, reset)


def is_serving(cells: memoryview) -> bool:
    """Return whether the worker with these cells answers from what control has published."""
    return bool(cells[WorkerCells.LISTENING] and cells[WorkerCells.READ])
