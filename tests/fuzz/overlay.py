"""A copy of dnsd and its tests whose native modules are compiled with other flags."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("dnsd", "tests", "zones", "pyproject.toml")


def build(target: Path, compiler: Sequence[str]) -> None:
    """Fill the empty directory ``target``; ``compiler`` is the command with its flags."""
    ignored = shutil.ignore_patterns("*.so", "*.c", "__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)
    sources = [str(path.relative_to(target)) for path in sorted(target.glob("dnsd/**/*.pyx"))]
    assert sources, "there are no native modules"
    command = [*compiler, "-fPIC", "-shared", f"-I{sysconfig.get_path('include')}"]
    suffix = sysconfig.get_config_var("EXT_SUFFIX")

    _run([sys.executable, "-m", "cython", "-3", *sources], target)

    def compiled(source: str) -> None:
        stem = source.removesuffix(".pyx")
        _run([*command, f"{stem}.c", "-o", f"{stem}{suffix}"], target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compiled, sources))


def _run(command: list[str], target: Path) -> None:
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
