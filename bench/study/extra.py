"""Whether what only studies need is installed: the extra ``bench`` of pyproject.toml."""

from __future__ import annotations

from importlib.util import find_spec

from bench.study.errors import StudyError

MODULES = ("numpy", "matplotlib")


def needed() -> None:
    """Raise StudyError with what to do, if a module that studies need is missing."""
    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        raise StudyError(
            f"studies need {' and '.join(missing)}: pip install -e '.[bench]', or make setup"
        )
