"""How one dnsd process starts another: with the same Python, and the same dnsd."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import dnsd
from dnsd.process import log


def command(module: str) -> list[str]:
    """Return the command that runs ``main`` of ``module``, wherever the working directory is."""
    return [sys.executable, "-P", "-m", "dnsd.process.start", module]


def environment() -> dict[str, str]:
    """Return an environment in which the child imports dnsd from where this process did.

    The child logs as this process does.
    """
    here = str(Path(dnsd.__file__).resolve().parent.parent)
    path = os.environ.get("PYTHONPATH")
    found = f"{here}{os.pathsep}{path}" if path else here
    return {**os.environ, "PYTHONPATH": found, **log.handed_on()}
