"""What pyproject.toml cannot say: example zones inside the wheel, optional native modules.

In a checkout (and an editable install) the example zones are ``zones/`` beside the package; in
an installed wheel they are ``dnsd/_zones``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

ZONES = Path("zones")
PACKAGE = Path("dnsd")


class BuildWithZones(build_py):
    """Copies the example zones into the package that is built."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "dnsd", "_zones")
            shutil.copytree(ZONES, target, dirs_exist_ok=True)


def extension(source: Path) -> Extension:
    """Return the native module ``source``; without a compiler dnsd is installed without it."""
    name = ".".join(source.with_suffix("").parts)
    shared = [*PACKAGE.rglob("*.pxi"), *PACKAGE.rglob("*.pxd")]
    return Extension(name, [str(source)], depends=sorted(map(str, shared)), optional=True)


setup(
    packages=find_packages(include=["dnsd", "dnsd.*"]),
    package_data={"dnsd": ["py.typed"]},
    exclude_package_data={"": ["*.pyx", "*.pxi", "*.pxd", "*.c"]},
    ext_modules=[extension(source) for source in sorted(PACKAGE.rglob("*.pyx"))],
    cmdclass={"build_py": BuildWithZones},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
