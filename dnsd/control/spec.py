"""What the master tells control: one line of JSON on its standard input.

Paths travel as strings. The configuration is the one the master has read, so that the two
never disagree; ``options`` are there for a reload, which reads the file again.
"""

from __future__ import annotations

import msgspec

from dnsd.config import Config, Options, sent


class ControlSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that control needs to know.

    ``state_fd`` is the inherited descriptor of the state vector of ``workers`` workers,
    ``journal_fd`` of the journal, ``images_fd`` of the memory for images, ``kept_fd`` of what
    control leaves to its successor, ``master`` the master's pid, ``started`` when it started
    (monotonic, in nanoseconds).
    ``doorbell`` is the inherited eventfd that wakes the master; None without anycast. ``spare_fd``
    is the spare admin socket, None if another program has its name. ``xfrd_fd`` is the way to the
    transfer process, None if there is none. ``run`` is the pid of the first of the masters that
    have handed this node on from one to the next. ``prepared`` is for
    :func:`dnsd.process.instructions.wait_for_word`.
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
    xfrd_fd: int | None = None
    prepared: int | None = None
    run: int = 0


def encode(spec: ControlSpec) -> bytes:
    """Return the line that :func:`decode` reads, with its newline."""
    return sent.encode(spec) + b"\n"


def decode(line: bytes) -> ControlSpec:
    """Return the spec in ``line``; msgspec.DecodeError when it holds none."""
    return sent.decode(line, ControlSpec)
