"""Messages between workers and the transfer process: msgpack.

A worker knows no key and transfers nothing. It hands over everything but ordinary questions, sends
the answers from its own UDP socket, and answers questions whose signature the transfer process has
verified. Times are of the clock that continues while the machine is suspended, in seconds.
"""

from __future__ import annotations

import msgspec

Source = tuple[str | int, ...]
"""The source of a datagram, in Python's form."""

Origin = tuple[int, int, bytes]
"""The control message (level, type, data) with which an answer leaves from the right address."""


class HandedDatagram(msgspec.Struct, frozen=True, tag=0, array_like=True):
    """A packet that arrived at the worker's socket number ``place``, ``at`` this time."""

    packet: bytes
    place: int
    source: Source
    origin: Origin | None
    at: float


class HandedStream(msgspec.Struct, frozen=True, tag=1, array_like=True):
    """A TCP connection, whose descriptor comes with the message.

    ``received`` begins with a whole message in its frame (RFC 1035 §4.2.2), and may end anywhere;
    if the connection goes to another worker, it may be less, or empty.
    ``unsent`` must be sent to the client before anything else. ``composed`` is the time of the
    first answer that the client has not acknowledged, if there is one.
    """

    received: bytes
    unsent: bytes
    source: str
    composed: float | None
    at: float


class WorkerQuestion(msgspec.Struct, frozen=True, tag=2, array_like=True):
    """From the transfer process: a question for the answer to ``packet``."""

    number: int
    packet: bytes
    transport: int
    address: str


class WorkerAnswer(msgspec.Struct, frozen=True, tag=3, array_like=True):
    """From a worker: the answer to the question with this ``number``; None if it gets none."""

    number: int
    response: bytes | None
    composed: float


class WorkerReply(msgspec.Struct, frozen=True, tag=4, array_like=True):
    """From the transfer process: an answer to a datagram; too late after SENT_WITHIN_S."""

    response: bytes
    place: int
    source: Source
    origin: Origin | None
    composed: float


FromWorker = HandedDatagram | HandedStream | WorkerAnswer
ToWorker = WorkerQuestion | WorkerReply

_from_worker = msgspec.msgpack.Decoder(FromWorker)
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_encoder = msgspec.msgpack.Encoder()


def encode(one: FromWorker | ToWorker) -> bytes:
    """Return ``one`` as octets."""
    return _encoder.encode(one)


def from_worker(message: bytes) -> FromWorker:
    """Return a message of a worker; msgspec.DecodeError if it is not one."""
    return _from_worker.decode(message)


def to_worker(message: bytes) -> ToWorker:
    """Return a message of the transfer process; msgspec.DecodeError if it is not one."""
    return _to_worker.decode(message)
