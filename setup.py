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
NATIVE = Path("dnsd/hotpath/_native.pyx")


class BuildWithZones(build_py):
    """Copies the example zones into the package that is built."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "dnsd", "_zones")
            shutil.copytree(ZONES, target, dirs_exist_ok=True)


def extensions() -> list[Extension]:
    """Return the native hot path; without a compiler dnsd is installed without it."""
    if not NATIVE.exists():
        return []
    return [Extension("dnsd.hotpath._native", [str(NATIVE)], optional=True)]


setup(
    packages=find_packages(include=["dnsd", "dnsd.*"]),
    package_data={"dnsd": ["py.typed"]},
    ext_modules=extensions(),
    cmdclass={"build_py": BuildWithZones},
)
