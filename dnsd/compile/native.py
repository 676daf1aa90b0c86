"""The native compiler, where it was built.

See ``_assemble.pyx``. Without it :mod:`dnsd.compile.assemble` makes the same octets, ten times as
slowly: it is the one to read, and tests compare the two.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.compile.poolrecords import PoolRecords
    from dnsd.zone.records import Zone

    Compiler = Callable[[Zone, Sequence[PoolRecords], bytes, bytes], bytearray]

image: Compiler | None
"""Compiles a zone with its pools, the key of the hash table, and the meta data to embed."""

try:
    image = import_module("dnsd.compile._assemble").image
except ImportError:
    image = None
