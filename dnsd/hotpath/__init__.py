"""The answer path: picks the twin that answers packets.

``DNSD_HOTPATH=python|native`` forces one; a forced twin that cannot be had is an error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dnsd.errors import ConfigError
from dnsd.hotpath.api import Client, HotPath, Settings, Transport

if TYPE_CHECKING:
    from dnsd.metrics.counters import Counters

__all__ = ["Client", "HotPath", "Settings", "Transport", "implementation", "make"]


def implementation() -> str:
    """The name of the twin in use: ``"python"`` or ``"native"``."""
    wanted = os.environ.get("DNSD_HOTPATH", "python")
    if wanted != "python":
        raise ConfigError([f"DNSD_HOTPATH={wanted}: this build has only the hot path 'python'"])
    return wanted


def make(settings: Settings, counters: Counters) -> HotPath:
    """Return a hot path with no zones."""
    implementation()
    from dnsd.hotpath._python import PythonHotPath

    return PythonHotPath(settings, counters)
