"""gcc's AddressSanitizer and UndefinedBehaviorSanitizer: how to compile, and how to run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# What is compiled without optimization, and tells lines only, is there in a third of the time.
COMPILER = ("gcc", "-O0", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def python(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the ``copy`` of :mod:`tests.fuzz.overlay`; its output has both streams."""
    library = subprocess.run(
        [COMPILER[0], "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    environment = os.environ | {
        "LD_PRELOAD": library.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself leaves things behind
        "PYTHONMALLOC": "malloc",  # so that each object has an end that is watched
        "DNSD_HOTPATH": "native",
        "CI": "",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
