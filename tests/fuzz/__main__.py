"""Search for inputs with atheris and clang: ``python -m tests.fuzz TARGET SECONDS``.

The native modules are compiled for coverage and with the sanitizers, into a copy; the corpus
becomes the fewest inputs, old and new, that reach what the target's seeds don't. A crash leaves
``crash-...`` in the current directory. TARGET is packets, streams, images or
texts. Where there is no clang: ``python -m tests.fuzz.blind``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.fuzz import overlay

COMPILER = "clang -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all"
PROGRAM = """\
#!/bin/sh
exec {python} -m tests.fuzz.run "$0" {target} "$@"
"""
CORPUS = overlay.ROOT / "tests/fuzz/corpus"


def search(target: str, seconds: int) -> None:
    """Run atheris in a copy, then merge what it found into the corpus."""
    atheris = Path(str(import_module("atheris").__file__)).parents[1]
    environment = os.environ | {
        "LD_PRELOAD": str(atheris / "asan_with_fuzzer.so"),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
    }
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        overlay.build(copy, os.environ.get("CLANG", COMPILER).split())
        program = copy / "program"
        program.write_text(PROGRAM.format(python=sys.executable, target=target))
        program.chmod(0o755)

        def run(*arguments: str | Path) -> None:
            command = [program, "-max_len=600", *arguments]
            subprocess.run(command, cwd=copy, env=environment, check=True)

        found, merged = copy / "found", copy / "merged"
        shutil.copytree(CORPUS / target, found)
        merged.mkdir()
        for number, seed in enumerate(import_module(f"tests.fuzz.{target}").seeds()):
            (merged / f"seed-{number}").write_bytes(seed)
        crashes = f"-artifact_prefix={Path.cwd()}/"
        run(f"-max_total_time={seconds}", "-len_control=0", crashes, found, merged)
        # what the seeds reach without help is not kept: they are replayed as well
        run("-merge=1", "-use_counters=0", merged, found)
        shutil.rmtree(CORPUS / target)
        shutil.copytree(merged, CORPUS / target, ignore=shutil.ignore_patterns("seed-*"))


search(sys.argv[1], int(sys.argv[2]))
