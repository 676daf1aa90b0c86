"""The native modules under AddressSanitizer and UndefinedBehaviorSanitizer: nothing to report."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import needs
from tests.fuzz import overlay, sanitizers

TESTS = (
    "tests/fuzz/test_corpus.py",
    "tests/parity/test_composed.py",
    "tests/parity/test_images.py",
    "tests/parity/test_pools.py::test_both_twins_choose_the_same",
    "tests/parity/test_twins.py",
    "tests/unit/test_hotpath_lingering.py",
    "tests/unit/test_serve_udp.py",
    "tests/unit/test_zone_table.py",
    "tests/unit/test_zone_lines.py",
)
MODULES = (
    "dnsd.hotpath._native",
    "dnsd.zone._table",
    "dnsd.zone._lines",
    "dnsd.compile._assemble",
)
WHERE = f"from importlib import import_module as of; print(*(of(m).__file__ for m in {MODULES}))"


@needs("gcc")
@pytest.mark.timeout(900)
def test_nothing_to_report(tmp_path: Path) -> None:
    overlay.build(tmp_path, sanitizers.COMPILER)
    # the tests mean these modules, and they are the ones with sanitizers in them
    modules = [Path(name) for name in _python(tmp_path, "-c", WHERE).split()]
    assert all(module.is_relative_to(tmp_path) for module in modules)
    assert all(b"__asan_report" in module.read_bytes() for module in modules)
    # -s: a report is lost with the process that captured it
    few = "--hypothesis-profile=few"  # all is several times as slow
    report = _python(tmp_path, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", few, *TESTS)
    assert "skipped" not in report


def _python(copy: Path, *arguments: str) -> str:
    """Run Python in the copy under the sanitizers and return what it writes."""
    done = sanitizers.python(copy, *arguments)
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout
