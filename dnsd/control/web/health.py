"""Can this node answer? For load balancers and monitoring, which want one word.

Knows processes and whether there is anything to answer from; what a zone or a pool lacks is
no reason to send everybody elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.image.state import ControlCells, WorkerCells

if TYPE_CHECKING:
    from dnsd.image.state import StateVector


def problems(vector: StateVector, patience: float) -> list[str]:
    """Return what keeps the node from answering, as sentences.

    ``patience`` is how long (seconds) a worker may make no progress though it could.
    """
    if not vector.control[ControlCells.GENERATION]:
        return ["the zones are not loaded yet"]
    found = []
    for index in vector.serving:
        cells = vector.worker(index)
        if not cells[WorkerCells.LISTENING]:
            found.append(f"worker {index} does not answer")
        elif (silent := cells[WorkerCells.SILENT] / 1e9) > patience:
            found.append(f"worker {index} has made no progress for {silent:.1f} s")
    return found
