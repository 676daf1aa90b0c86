"""What workers hand to the transfer process, and what comes back: msgpack.

A worker knows no key and transfers nothing. It hands over what is no ordinary question; it sends
what comes back from its own UDP socket, and answers what the other asks it, once a signature was
found right. Times are those of the clock that goes on while the machine is suspended, in seconds.
"""

from __future__ import annotations

import msgspec

Source = tuple[str | int, ...]
"""Where a datagram came from, as Python has it."""

Origin = tuple[int, int, bytes]
"""The control message (level, type, data) with which an answer leaves from the right address."""


class HandedDatagram(msgspec.Struct, frozen=True, tag=0, array_like=True):
    """A packet that came at the worker's socket number ``place``, ``at`` this time."""

    packet: bytes
    place: int
    source: Source
    origin: Origin | None
    at: float


class HandedStream(msgspec.Struct, frozen=True, tag=1, array_like=True):
    """A TCP connection, whose descriptor comes along.

    ``received`` begins with a whole message in its frame (RFC 1035 §4.2.2) and ends wherever; of
    one that goes to another worker it may be less, or nothing.
    ``unsent`` is what the peer must be sent before all else. If there is, or was, something that it
    has not acknowledged, the first of that was ``composed`` then.
    """

    received: bytes
    unsent: bytes
    source: str
    composed: float | None
    at: float


class WorkerQuestion(msgspec.Struct, frozen=True, tag=2, array_like=True):
    """Transfers: ask what is to be answered to ``packet``."""

    number: int
    packet: bytes
    transport: int
    address: str


class WorkerAnswer(msgspec.Struct, frozen=True, tag=3, array_like=True):
    """A worker: the answer to the question with this ``number``; None if there is to be none."""

    number: int
    response: bytes | None
    composed: float


class WorkerReply(msgspec.Struct, frozen=True, tag=4, array_like=True):
    """Transfers: an answer to a datagram, which is too late when SENT_WITHIN_S have gone by."""

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
    """Return the message that says ``one``."""
    return _encoder.encode(one)


def from_worker(message: bytes) -> FromWorker:
    """Return what a worker says; msgspec.DecodeError if it is nothing that one says."""
    return _from_worker.decode(message)


def to_worker(message: bytes) -> ToWorker:
    """Return what transfers say; msgspec.DecodeError if it is nothing that they say."""
    return _to_worker.decode(message)
