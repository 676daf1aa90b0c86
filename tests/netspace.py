"""Network namespaces for tests: made with one call, and gone by themselves.

    with Space() as space:
        space.ip("link set lo up")
        space(check_something, "anycast0")     # runs in there, and so do the threads it starts

A namespace belongs to a thread: what that thread calls, starts or opens is inside. It has no
name, so nothing is left of it when the thread and its descriptors are gone, however a run ends.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

import pytest

from tests.conftest import CI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CLONE_NEWNET = 0x40000000
PATIENCE = 60.0


class Space:
    """A network namespace; skips the test where none may be made, which in CI is a failure."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        try:
            self(_unshare)
        except PermissionError:
            self.close()
            sentence = "network namespaces need root"
            if CI:
                pytest.fail(f"{sentence}, and in CI nothing may be missing")
            pytest.skip(sentence)
        self.number = self(threading.get_native_id)

    def __call__(self, work: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        """Call ``work`` inside, and return or raise what it does."""
        return self._thread.submit(work, *arguments, **named).result(PATIENCE)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program inside, to its end."""
        return self(_run, command, check)

    def ip(self, *commands: str) -> None:
        """Run ``ip`` inside with each of these lines of arguments."""
        for command in commands:
            self.run("ip", *command.split())

    @contextmanager
    def python(self, code: str) -> Iterator[subprocess.Popen[str]]:
        """Start Python inside; it gets a pipe both ways, and is killed at the end."""
        process = self(_start, code)
        with process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def monitor(self) -> Iterator[Callable[[], list[str]]]:
        """Watch routes meanwhile; what it gives returns the changes so far, a line each."""
        command = ["ip", "-o", "monitor", "route"]
        process = self(
            lambda: subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        )

        def lines() -> list[str]:
            process.terminate()
            return process.communicate()[0].splitlines()

        try:
            yield lines
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def join(self, other: Space, here: str, there: str) -> None:
        """Put a cable between this namespace and another: a veth, up at both ends."""
        self.ip(f"link add {here} type veth peer name {there} netns {other.number}")
        self.ip(f"link set {here} up")
        other.ip(f"link set {there} up")

    def close(self) -> None:
        """Leave it to the kernel, which takes it away with all that is in it."""
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unshare() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _run(command: tuple[str, ...], check: bool) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=check)


def _start(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
