"""Tries a mutant: puts it into a copy of the tree, and runs the tests there that must find it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.mutants.mutant import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutants.mutant import Mutant

LONGEST_S = 600.0
_LEFT_OUT = frozenset({".git", ".venv", ".hypothesis", ".mypy_cache", ".ruff_cache", "build"})
"""Of the root only: what lies deeper belongs to dnsd."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_OK, _FAILURES = 0, 1


class Trial(NamedTuple):
    """What came of it: ``caught`` by a test, ``survived``, or ``broken``, with what pytest said."""

    outcome: str
    by: str
    seconds: float
    output: str


def tried(mutant: Mutant) -> Trial:
    """Return what comes of ``mutant``."""
    with _copy() as root:
        mutant.put_below(root)
        return _run(root, mutant.tests)


def untouched(tests: Sequence[str]) -> Trial:
    """Return what comes of ``tests`` without a fault: they must be survived."""
    with _copy() as root:
        return _run(root, tests)


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dnsd-mutant-") as directory:
        root = Path(directory) / "dnsd"
        shutil.copytree(ROOT, root, ignore=_left_out, symlinks=True)
        yield root


def _left_out(directory: str, _names: list[str]) -> frozenset[str]:
    return _LEFT_OUT if Path(directory) == ROOT else frozenset()


def _run(root: Path, tests: Sequence[str]) -> Trial:
    began = time.monotonic()
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider"]
    try:
        ended = subprocess.run(
            [*pytest, *tests],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial("broken", "", LONGEST_S, f"it takes longer than {LONGEST_S:.0f} s")
    outcome = {_OK: "survived", _FAILURES: "caught"}.get(ended.returncode, "broken")
    by = found.group(1) if (found := _FAILED.search(ended.stdout)) else ""
    return Trial(outcome, by, time.monotonic() - began, ended.stdout + ended.stderr)
