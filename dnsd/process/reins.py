"""What a master and its workers tell each other when the node is handed on: msgpack.

The two are always of one version: a master of another one brings its own workers.
"""

from __future__ import annotations

import msgspec


class SendSockets(msgspec.Struct, frozen=True, tag=0, array_like=True):
    """Master: send all sockets that you listen at."""


class TakeHeir(msgspec.Struct, frozen=True, tag=1, array_like=True):
    """Master: end, and give your TCP connections to whom the descriptor leads that comes."""


class AskYourself(msgspec.Struct, frozen=True, tag=2, array_like=True):
    """Master: tell what you answer to this packet."""

    packet: bytes


class ListeningSocket(msgspec.Struct, frozen=True, tag=3, array_like=True):
    """Worker: the descriptor that comes along listens there."""

    address: str
    port: int
    is_tcp: bool


class AllSockets(msgspec.Struct, frozen=True, tag=4, array_like=True):
    """Worker: these were all."""


class OwnAnswer(msgspec.Struct, frozen=True, tag=5, array_like=True):
    """Worker: that is what I answer; empty if nothing."""

    packet: bytes


ToReined = SendSockets | TakeHeir | AskYourself
FromReined = ListeningSocket | AllSockets | OwnAnswer

_to_worker = msgspec.msgpack.Decoder(ToReined)
_from_worker = msgspec.msgpack.Decoder(FromReined)
_encoder = msgspec.msgpack.Encoder()


def encode(one: ToReined | FromReined) -> bytes:
    """Return the message that says ``one``."""
    return _encoder.encode(one)


def to_worker(message: bytes) -> ToReined:
    """Return what a master says; msgspec.DecodeError if it is nothing that one says."""
    return _to_worker.decode(message)


def from_worker(message: bytes) -> FromReined:
    """Return what a worker says; msgspec.DecodeError if it is nothing that one says."""
    return _from_worker.decode(message)
