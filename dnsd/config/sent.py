"""Values of the configuration as JSON, on their way from one process to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON; paths are strings in it."""
    return msgspec.json.encode(value, enc_hook=_to_json)


def decode(data: bytes, kind: type[_T]) -> _T:
    """Return the value of ``kind`` in ``data``; msgspec.DecodeError if there is none."""
    return msgspec.json.decode(data, type=kind, dec_hook=_from_json)


def _to_json(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value)} has no JSON form")


def _from_json(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"{kind} has no JSON form")
