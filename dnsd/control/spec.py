"""What the master tells control: one line of JSON on its standard input.

Paths travel as strings. The configuration is the one the master has read, so that the two
never disagree; ``options`` are there for a reload, which reads the file again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dnsd.config import Config, Options


class ControlSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that control needs to know.

    ``state_fd`` is the inherited descriptor of the state vector of ``workers`` workers,
    ``journal_fd`` of the journal, ``images_fd`` of the memory for images, ``kept_fd`` of what
    control leaves to its successor, ``master`` the master's pid, ``started`` when it started
    (monotonic, in nanoseconds).
    ``doorbell`` is the inherited eventfd that wakes the master; None without anycast. ``spare_fd``
    is the spare admin socket, None if another program has its name.
    """

    state_fd: int
    journal_fd: int
    images_fd: int
    kept_fd: int
    workers: int
    master: int
    started: int
    config: Config
    options: Options
    doorbell: int | None = None
    spare_fd: int | None = None


def encode(spec: ControlSpec) -> bytes:
    """Return the line that :func:`decode` reads, with its newline."""
    return msgspec.json.encode(spec, enc_hook=_to_json) + b"\n"


def decode(line: bytes) -> ControlSpec:
    """Return the spec in ``line``; msgspec.DecodeError when it holds none."""
    return msgspec.json.decode(line, type=ControlSpec, dec_hook=_from_json)


def encode_config(config: Config) -> bytes:
    """Return ``config`` as JSON."""
    return msgspec.json.encode(config, enc_hook=_to_json)


def decode_config(data: bytes) -> Config:
    """Return the configuration in ``data``; msgspec.DecodeError when it holds none."""
    return msgspec.json.decode(data, type=Config, dec_hook=_from_json)


def _to_json(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value)} has no JSON form")


def _from_json(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"{kind} has no JSON form")
