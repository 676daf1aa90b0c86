"""What all tests share: the programs they need, the hot path they run on, hypothesis profiles."""

from __future__ import annotations

import contextlib
import os
import shutil

import hypothesis
import pytest

from dnsd import hotpath

CI = os.environ.get("CI", "") not in {"", "0", "false"}
"""In CI nothing may be missing, so nothing is skipped."""

SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where servers stand that an ordinary user's PATH leaves out."""

needs = pytest.mark.needs
"""``@needs("nsd", "knotd")``: skip where a program is missing; in CI that is a failure."""

# Both are derandomized: a failure is a fault in the commit that shows it, on every machine.
# For a search: `pytest --hypothesis-profile=search tests/parity`.
hypothesis.settings.register_profile("dev", derandomize=True, deadline=None, max_examples=30)
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=100)
hypothesis.settings.register_profile("few", derandomize=True, deadline=None, max_examples=10)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis.settings.load_profile("ci" if CI else "dev")

os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): the programs that a test starts")


def pytest_report_header() -> str:
    return f"dnsd hot path: {hotpath.implementation()}"


_memfd_create = os.memfd_create
_memory: list[int] = []
"""Descriptors of shared memory that the test under way has made."""


def _noted(name: str, flags: int = os.MFD_CLOEXEC) -> int:
    _memory.append(fd := _memfd_create(name, flags))
    return fd


os.memfd_create = _noted


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Close what a test and its fixtures have left: thousands in one process must not run out."""
    give_memory_back()


def give_memory_back() -> None:
    """Close the descriptors of shared memory that were made since the last time."""
    while _memory:
        fd = _memory.pop()
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}").startswith("/memfd:"):  # noqa: PTH115
                os.close(fd)


def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = [program for mark in item.iter_markers("needs") for program in mark.args]
    missing = [program for program in wanted if shutil.which(program) is None]
    if not missing:
        return
    sentence = f"not installed: {', '.join(missing)}"
    if CI:
        pytest.fail(f"{sentence}, and in CI nothing may be missing")
    pytest.skip(sentence)
