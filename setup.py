"""What pyproject.toml cannot say: example zones inside the wheel, a hot path that may be native.

In a checkout (and an editable install) the example zones are ``zones/`` beside the package; in
an installed wheel they are ``dnsd/_zones``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

ZONES = Path("zones")
HOTPATH = Path("dnsd/hotpath")


class BuildWithZones(build_py):
    """Copies the example zones into the package that is built."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "dnsd", "_zones")
            shutil.copytree(ZONES, target, dirs_exist_ok=True)


def extensions() -> list[Extension]:
    """Return the native hot path; without a compiler dnsd is installed without it."""
    source = HOTPATH / "_native.pyx"
    if not source.exists():
        return []
    parts = [str(part) for part in sorted(HOTPATH.glob("native/*.pxi"))]
    return [Extension("dnsd.hotpath._native", [str(source)], depends=parts, optional=True)]


setup(
    packages=find_packages(include=["dnsd", "dnsd.*"]),
    package_data={"dnsd": ["py.typed"]},
    exclude_package_data={"": ["*.pyx", "*.pxi", "*.c"]},
    ext_modules=extensions(),
    cmdclass={"build_py": BuildWithZones},
)
