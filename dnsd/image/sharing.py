"""How what processes share is laid out, in one word: who shares memory must agree on it."""

from __future__ import annotations

from hashlib import blake2b

from dnsd.image import buckets, demand, layout, pack, secrets, selection, state, tap
from dnsd.metrics import counters

FORMAT = 1
"""Of the journal, of what control keeps for its successor, and of what workers hand over."""


def layout_of_shared() -> str:
    """Return a word that changes whenever a cell moves, or means something else."""
    classes = (state.ControlCells, state.MasterCells, state.XfrdCells, state.WorkerCells)
    cells = [sorted((k, v) for k, v in vars(one).items() if k.isupper()) for one in classes]
    sizes = [
        state.PAGE,
        state.SOURCES,
        state.POOL_CELLS,
        state.size_for(3),
        buckets.BUCKETS,
        buckets.ROW,
        demand.CONTROL,
        demand.SIZE,
        tap.CONTROL,
        tap.SIZE,
        tap.ENTRY.format,
        secrets.CELLS,
        selection.NOTES,
    ]
    images = [layout.MAGIC, layout.VERSION, pack.MAGIC]
    told = repr((FORMAT, cells, sizes, counters.NAMES, images)).encode()
    return blake2b(told, digest_size=8).hexdigest()
