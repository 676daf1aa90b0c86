"""What the master tells the transfer process: one line of JSON on its standard input."""

from __future__ import annotations

import msgspec

from dnsd.config import Endpoint, sent

# msgspec looks the types up when it decodes.


class XfrdSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that it needs before control's first message.

    ``state_fd`` is the inherited descriptor of the state vector of ``workers`` workers,
    ``control`` that of the socket to control, ``handed`` those to the workers, in their order.
    ``directory`` is the state directory; ``tls_listen`` has the endpoints for TLS; ``heartbeat`` is
    in seconds. ``prepared`` is for :func:`dnsd.process.instructions.wait_for_word`.
    """

    state_fd: int
    workers: int
    control: int
    handed: tuple[int, ...]
    directory: str
    tls_listen: tuple[Endpoint, ...] = ()
    heartbeat: float = 0.05
    prepared: int | None = None


def encode(spec: XfrdSpec) -> bytes:
    """Return the line that :func:`decode` reads, with its newline."""
    return sent.encode(spec) + b"\n"


def decode(line: bytes) -> XfrdSpec:
    """Return the spec that ``line`` holds; msgspec.DecodeError when it holds none."""
    return sent.decode(line, XfrdSpec)
