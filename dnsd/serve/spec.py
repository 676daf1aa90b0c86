"""What the master tells a worker: one line of JSON on its standard input.

Nothing of it stands in argv or environ, where other users could read the cookie secrets.
"""

from __future__ import annotations

import msgspec

# msgspec looks the types up when it decodes.
from dnsd.hotpath.api import Settings


class TcpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What TCP clients may take, of this node as a whole (RFC 7766 §6.2, RFC 9210 §4).

    ``per_source`` counts the connections of an IPv4 address or an IPv6 /64. ``message``
    and ``stall`` in seconds: how long a message may take to become whole once it has
    begun, and how long a client may read nothing. ``unsent`` in octets: answers that may
    wait for a client before no more of its queries are taken. The idle time is
    ``Settings.tcp_idle``, because clients are told of it.
    """

    connections: int = 1000
    per_source: int = 32
    message: float = 2.0
    stall: float = 1.0
    unsent: int = 128 << 10


class PassedSocket(msgspec.Struct, frozen=True):
    """A socket of another worker's that is read on: the inherited ``fd``, bound at that place.

    Sockets are passed on because what is in the queue of one that is closed is lost.
    """

    fd: int
    address: str
    port: int
    is_tcp: bool


class Inheritance(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs that begins beside those that it succeeds.

    It reads their ``sockets``, but not before the master gives the word on standard input. By
    ``bequest``, the inherited end of a pair, their TCP connections come.
    """

    sockets: tuple[PassedSocket, ...]
    bequest: int


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that worker ``index`` of ``workers`` needs to know.

    ``state_fd`` is the inherited descriptor of the state vector, ``journal_fd`` of the journal,
    ``images_fd`` of the memory for images. Those that are files are in ``images``. ``listen`` holds
    (address, port) pairs; those in ``floating`` are bound even while the machine does not
    have the address, because it comes and goes. ``heartbeat`` in seconds,
    ``udp_receive_buffer`` in octets. ``xfrd_fd`` is the way to the transfer process, None if
    there is none. ``reins`` is the way to the master. ``inheritance`` is there if the worker takes
    the place of others that still answer.
    """

    index: int
    workers: int
    state_fd: int
    journal_fd: int
    images_fd: int
    images: str
    listen: tuple[tuple[str, int], ...]
    floating: tuple[str, ...] = ()
    settings: Settings
    tcp: TcpLimits = TcpLimits()
    heartbeat: float = 0.05
    udp_receive_buffer: int = 1 << 20
    xfrd_fd: int | None = None
    reins: int | None = None
    inheritance: Inheritance | None = None


def encode(spec: WorkerSpec) -> bytes:
    """Return the line that :func:`decode` reads, with its newline."""
    return msgspec.json.encode(spec) + b"\n"


def decode(line: bytes) -> WorkerSpec:
    """Return the spec that ``line`` holds; msgspec.DecodeError when it holds none."""
    return msgspec.json.decode(line, type=WorkerSpec)
