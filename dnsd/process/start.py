"""``python -m dnsd.process.start MODULE``: what ``python -m MODULE`` does, sooner.

Nothing becomes garbage while modules are imported, so the collector, which would look for it
hundreds of times, rests; and it need never look at what they have made.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def imported(module: str) -> ModuleType:
    """Return ``module``, imported without a look at what else is in memory."""
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    sys.exit(imported(sys.argv[1]).main())
