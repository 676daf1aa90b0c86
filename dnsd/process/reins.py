"""What a master and its workers tell each other when the node is handed on, in msgpack.

Both are always of the same version: another version's master starts its own workers.
"""

from __future__ import annotations

import msgspec


class SendSockets(msgspec.Struct, frozen=True, tag=0, array_like=True):
    """Master: send all sockets on which you listen."""


class TakeHeir(msgspec.Struct, frozen=True, tag=1, array_like=True):
    """Master: end, and give your TCP connections to the worker behind this descriptor."""


class AskYourself(msgspec.Struct, frozen=True, tag=2, array_like=True):
    """Master: say how you answer this packet."""

    packet: bytes


class ListeningSocket(msgspec.Struct, frozen=True, tag=3, array_like=True):
    """Worker: the descriptor sent with this message listens there."""

    address: str
    port: int
    is_tcp: bool


class AllSockets(msgspec.Struct, frozen=True, tag=4, array_like=True):
    """Worker: all sockets have been sent."""


class OwnAnswer(msgspec.Struct, frozen=True, tag=5, array_like=True):
    """Worker: this is my answer; empty if there is none."""

    packet: bytes


ToReined = SendSockets | TakeHeir | AskYourself
FromReined = ListeningSocket | AllSockets | OwnAnswer

_to_worker = msgspec.msgpack.Decoder(ToReined)
_from_worker = msgspec.msgpack.Decoder(FromReined)
_encoder = msgspec.msgpack.Encoder()


def encode(one: ToReined | FromReined) -> bytes:
    """Return ``one`` encoded."""
    return _encoder.encode(one)


def to_worker(message: bytes) -> ToReined:
    """Return a message of the master; msgspec.DecodeError if it is none."""
    return _to_worker.decode(message)


def from_worker(message: bytes) -> FromReined:
    """Return a message of a worker; msgspec.DecodeError if it is none."""
    return _from_worker.decode(message)
