"""Fuzz target: what workers hand over, and what comes with a signature or without."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

from dnsd.transfer import ipc, tsig
from dnsd.transfer.tsig import TsigKey
from dnsd.wire import handed
from dnsd.wire.query import Malformed
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.requests import SeenRequest, TransferRequests
from tests import packets

KEYS = {"key.": TsigKey("key.", "hmac-sha256", bytes(32))}
NOW = 1_750_000_000.0


async def _ask(seen: SeenRequest) -> bytes | None:
    return seen.message[:2] + b"\x80\x00" + seen.message[4:]


async def _answers(message: bytes, udp: int) -> list[bytes]:
    known = Knowledge()
    known.keys.update(KEYS)
    known.whole.set()
    requests = TransferRequests(known, {})
    return [one async for one in requests.answer(message, "192.0.2.1", _ask, udp=udp)]


def fuzz_one(data: bytes) -> None:
    """The first octet picks the road; then comes the message."""
    road, message = data[:1], data[1:]
    if road == b"\x00":
        for decode in (handed.from_worker, handed.to_worker, ipc.from_control):
            with suppress(msgspec.DecodeError, msgspec.ValidationError):
                decode(message)
        return
    if len(message) < 12 or message[2] & 0x80:
        return
    with suppress(Malformed, tsig.BadSignatureFormat):
        checked = tsig.check(message, KEYS, NOW)
        assert checked.key is None or checked.error, "nobody guesses a signature"
    udp = 512 if road == b"\x01" else 0
    for answer in asyncio.run(_answers(message, udp)):
        assert answer[:2] == message[:2] or tsig_of(message)
        assert len(answer) <= (udp or 0xFFFF)


def tsig_of(message: bytes) -> bool:
    """Tell whether a message may have an ID of its own (RFC 8945 §5.3.1)."""
    return b"\x00\xfa" in message


def seeds() -> list[bytes]:
    """Where a search begins."""
    asked = (
        packets.query("example.", 252),
        packets.query("example.", 6, packets.tsig()),
        packets.query("example.", 6, packets.tsig("other.")),
        packets.query("example.", 6, packets.tsig(mac=bytes(12))),
        packets.header(flags=0x2000) + packets.question("example.", 6),
        packets.query("example.", 6, packets.opt(), packets.tsig()),
    )
    datagram = handed.HandedDatagram(asked[0], 0, ("192.0.2.1", 53), None, 1.0)
    return [
        b"\x00" + handed.encode(datagram),
        *(road + one for road in (b"\x01", b"\x02") for one in asked),
    ]
