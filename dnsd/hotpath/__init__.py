"""The answer path: picks the twin that answers packets.

``DNSD_HOTPATH=python|native`` forces one; a forced twin that cannot be had is an error. Left
alone, it is the native one where it was built.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from dnsd.errors import ConfigError
from dnsd.hotpath.api import Client, Draining, HotPath, RateLimit, Settings, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.image.buckets import Buckets
    from dnsd.image.demand import SketchCells
    from dnsd.image.tap import TapCells
    from dnsd.metrics.counters import Counters

__all__ = [
    "Client",
    "Draining",
    "HotPath",
    "RateLimit",
    "Settings",
    "Transport",
    "implementation",
    "make",
]

VARIABLE = "DNSD_HOTPATH"

_TWINS = {
    "native": ("dnsd.hotpath._native", "NativeHotPath"),
    "python": ("dnsd.hotpath._python", "PythonHotPath"),
}


def implementation() -> str:
    """Return the name of the twin in use: ``"python"`` or ``"native"``.

    ConfigError when the environment asks for one that is not there.
    """
    return _choose(os.environ.get(VARIABLE, ""))[0]


def make(
    settings: Settings,
    counters: Counters,
    memory: Buckets | None = None,
    seed: int | None = None,
    sketched: SketchCells | None = None,
    tapped: TapCells | None = None,
) -> HotPath:
    """Return a hot path with no zones.

    ``memory`` is what rate limits need, if there are any; without it they have some of their own.
    ``seed`` (64 bits) is where its random numbers begin, by which members of pools are drawn;
    without it that is random, too. ``sketched`` is where it keeps who asks for what; without it,
    or while control has none begun, it does not. ``tapped`` is where it puts what it was asked and
    has answered, while a recorder listens.
    """
    return _choose(os.environ.get(VARIABLE, ""))[1](
        settings, counters, memory, seed, sketched, tapped
    )


@cache
def _choose(
    wanted: str,
) -> tuple[
    str,
    Callable[
        [Settings, Counters, Buckets | None, int | None, SketchCells | None, TapCells | None],
        HotPath,
    ],
]:
    if wanted and wanted not in _TWINS:
        raise ConfigError([f"{VARIABLE}={wanted}: choose 'python' or 'native', or unset it"])
    for name in (wanted,) if wanted else _TWINS:
        module, attribute = _TWINS[name]
        try:
            return name, getattr(import_module(module), attribute)
        except ImportError as error:
            problem = error
    raise ConfigError(
        [
            f"{VARIABLE}={wanted}: the {wanted} hot path is not available ({problem}); "
            "install a C compiler and build dnsd again, or unset the variable"
        ]
    )
