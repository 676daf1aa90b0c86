"""What pyproject.toml cannot say: example zones inside the wheel, optional native modules.

In a checkout (and an editable install) the example zones are ``zones/`` beside the package; in
an installed wheel they are ``dnsd/_zones``.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

ZONES = Path("zones")
PACKAGE = Path("dnsd")
USED = re.compile(r"^(?:from|cimport) (dnsd[\w.]+)", re.MULTILINE)


class BuildWithZones(build_py):
    """Copies the example zones into the package that is built."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "dnsd", "_zones")
            shutil.copytree(ZONES, target, dirs_exist_ok=True)


def extension(source: Path) -> Extension:
    """Return the native module ``source``; without a compiler dnsd is installed without it.

    What a debugger needs is left out: it makes a quarter of the time of a build.
    """
    name = ".".join(source.with_suffix("").parts)
    return Extension(
        name,
        [str(source)],
        depends=sorted(map(str, read_by(source))),
        optional=True,
        extra_compile_args=["-g0"],
    )


def read_by(source: Path) -> set[Path]:
    """Return the declarations that ``source`` is compiled with, and those that these need."""
    found: set[Path] = set()
    left = [source, source.with_suffix(".pxd")]
    while left:
        path = left.pop()
        if path in found or not path.exists():
            continue
        found.add(path)
        text = path.read_text(encoding="utf-8")
        left += [Path(*module.split(".")).with_suffix(".pxd") for module in USED.findall(text)]
    return found - {source}


setup(
    packages=find_packages(include=["dnsd", "dnsd.*"]),
    package_data={"dnsd": ["py.typed"], "dnsd.control.web": ["*.html"]},
    exclude_package_data={"": ["*.pyx", "*.pxd", "*.c"]},
    ext_modules=[extension(source) for source in sorted(PACKAGE.rglob("*.pyx"))],
    cmdclass={"build_py": BuildWithZones},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
