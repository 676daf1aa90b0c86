"""``python -m dnsd.process.start MODULE``: what ``python -m MODULE`` does, sooner.

While modules are imported, nothing becomes garbage. So the collector, which would otherwise run
hundreds of times, is off meanwhile; and it never needs to look at the imported objects.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def imported(module: str) -> ModuleType:
    """Return ``module``, imported while the garbage collector is off."""
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    sys.exit(imported(sys.argv[1]).main())
