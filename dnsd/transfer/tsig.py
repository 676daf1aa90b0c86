"""Signatures of messages (TSIG, RFC 8945): the server's side.

:func:`check` removes a request's signature and verifies it; an :class:`AnswerSigner` signs the
answer, which may be many messages. The digests are dnspython's and Python's ``hmac``.
"""

from __future__ import annotations

import hmac
import struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.wire import query
from dnsd.wire.name import from_text, lower, to_text
from dnsd.wire.query import Malformed
from dnsd.wire.rdata import TSIG

if TYPE_CHECKING:
    from collections.abc import Mapping

BADSIG, BADKEY, BADTIME, BADTRUNC = 16, 17, 18, 22
"""TSIG errors (RFC 8945 §3)."""

FUDGE_S = 300
"""Seconds by which clocks may differ, in signatures of this server (RFC 8945 §10)."""
LEAST_MAC = 10
"""The smallest truncated MAC, in octets (RFC 8945 §5.2.2.1)."""

DIGESTS = {"hmac-sha256": "sha256", "hmac-sha384": "sha384", "hmac-sha512": "sha512"}
"""Digests by algorithm, as Python names them."""
_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_ANY = 255
_RECORD = struct.Struct(">HHIH")
_LARGEST = 0xFFFF
"""Octets of the largest message."""
_CLOCK = 6
"""Octets of a time."""
_TIME = struct.Struct(">HIH")
"""Seconds in 48 bits, and the fudge."""


class TsigKey(NamedTuple):
    """A usable key; ``name`` is absolute and in lower case."""

    name: str
    algorithm: str
    secret: bytes


class TsigRecord(NamedTuple):
    """A TSIG record: owner and algorithm in lower case, uncompressed (RFC 8945 §4.2)."""

    owner: bytes
    algorithm: bytes
    time: int
    fudge: int
    mac: bytes
    original_id: bytes
    error: int
    other: bytes


class CheckedRequest(NamedTuple):
    """A request without its signature.

    ``record`` is None if it had none. If ``error`` is 0, ``key`` has signed it; with BADTIME and
    BADTRUNC it has, too, but the request must not be obeyed.
    """

    message: bytes
    record: TsigRecord | None = None
    key: TsigKey | None = None
    error: int = 0


class BadSignatureFormat(Exception):
    """The TSIG record is malformed: answer FORMERR."""


def check(message: bytes, keys: Mapping[str, TsigKey], now: float) -> CheckedRequest:
    """Remove the signature of ``message``, and verify it at the time ``now`` (POSIX).

    BadSignatureFormat, or Malformed, if it cannot be read.
    """
    found = _find(message)
    if found is None:
        return CheckedRequest(message)
    record, bare = found
    key = keys.get(to_text(record.owner))
    if key is None or record.algorithm != lower(from_text(key.algorithm + ".")):
        return CheckedRequest(bare, record, None, BADKEY)
    size = _SIZES[DIGESTS[key.algorithm]]
    if len(record.mac) > size or len(record.mac) < max(LEAST_MAC, size // 2):
        raise BadSignatureFormat
    right = _digest(key, b"", record.original_id + bare[2:], record)
    if not hmac.compare_digest(right[: len(record.mac)], record.mac):
        return CheckedRequest(bare, record, None, BADSIG)
    if len(record.mac) < size:
        return CheckedRequest(bare, record, key, BADTRUNC)
    if abs(int(now) - record.time) > record.fudge:
        return CheckedRequest(bare, record, key, BADTIME)
    return CheckedRequest(bare, record, key)


class AnswerSigner:
    """Signs the answer to a ``checked`` request: one message or many (RFC 8945 §5.3)."""

    def __init__(self, checked: CheckedRequest) -> None:
        assert checked.record is not None
        self._record = checked.record
        self._key = checked.key
        self._error = checked.error
        self._before = self._record.mac
        self._unsigned = b""
        """Messages since, which the next signature covers."""
        self._is_first = True

    @property
    def size(self) -> int:
        """The size of the signature at the end of a message, in octets."""
        digest = 0 if self._key is None else _SIZES[DIGESTS[self._key.algorithm]]
        names = len(self._record.owner) + len(self._record.algorithm)
        other = _CLOCK if self._error == BADTIME else 0
        return names + _RECORD.size + _TIME.size + 8 + digest + other

    def sign(self, message: bytes, now: float) -> bytes:
        """Return ``message`` signed; without a key, with an unsigned TSIG that says why.

        A message without room for a signature, as one with a huge record may be, is covered by that
        of the next message (RFC 8945 §5.3.1); the first and the last one must be smaller.
        """
        if len(message) + self.size > _LARGEST:
            assert not self._is_first, "an SOA comes first"
            self._unsigned += message
            return message
        asked, error, other = self._record, self._error, b""
        signed_at, fudge = int(now), FUDGE_S
        if error == BADTIME:
            signed_at, other = asked.time, int(now).to_bytes(_CLOCK, "big")
        if self._key is None:
            signed_at, fudge = asked.time, asked.fudge
        record = TsigRecord(
            asked.owner, asked.algorithm, signed_at, fudge, b"", message[:2], error, other
        )
        if self._key is not None:
            if self._is_first:
                mac = _digest(self._key, self._before, message, record)
            else:
                covered = self._unsigned + message
                mac = _digest_of_next(self._key, self._before, covered, record)
            record = record._replace(mac=mac)
            self._before, self._is_first, self._unsigned = mac, False, b""
        count = int.from_bytes(message[10:12], "big") + 1
        return message[:10] + count.to_bytes(2, "big") + message[12:] + encode(record)


def encode(record: TsigRecord) -> bytes:
    """Return ``record`` in wire format."""
    rdata = (
        record.algorithm
        + _times(record)
        + len(record.mac).to_bytes(2, "big")
        + record.mac
        + record.original_id
        + record.error.to_bytes(2, "big")
        + len(record.other).to_bytes(2, "big")
        + record.other
    )
    return record.owner + _RECORD.pack(TSIG, _ANY, 0, len(rdata)) + rdata


def _times(record: TsigRecord) -> bytes:
    return _TIME.pack(record.time >> 32 & 0xFFFF, record.time & 0xFFFFFFFF, record.fudge)


def _digest(key: TsigKey, before: bytes, message: bytes, record: TsigRecord) -> bytes:
    """Return the MAC of a message (RFC 8945 §4.3); ``before`` is the MAC of the request."""
    digest = hmac.new(key.secret, digestmod=DIGESTS[key.algorithm])
    if before:
        digest.update(len(before).to_bytes(2, "big") + before)
    digest.update(message)
    digest.update(record.owner + _ANY.to_bytes(2, "big") + bytes(4) + record.algorithm)
    digest.update(_times(record) + record.error.to_bytes(2, "big"))
    digest.update(len(record.other).to_bytes(2, "big") + record.other)
    return digest.digest()


def _digest_of_next(key: TsigKey, before: bytes, message: bytes, record: TsigRecord) -> bytes:
    """Return the MAC of a message that is not the first of several (RFC 8945 §5.3.1)."""
    digest = hmac.new(key.secret, digestmod=DIGESTS[key.algorithm])
    digest.update(len(before).to_bytes(2, "big") + before)
    digest.update(message)
    digest.update(_times(record))
    return digest.digest()


def _find(message: bytes) -> tuple[TsigRecord, bytes] | None:
    """Return the TSIG record of ``message``, and the message before it; None without one.

    The message keeps the ID with which it arrived: a forwarder gives a request another ID, and
    recognises the answer by that. The digest is made with the original ID (RFC 8945 §4.3.1).
    """
    at, last = query.last_record(message)
    if last != TSIG:
        return None
    additional = int.from_bytes(message[10:12], "big")
    if not additional:
        raise BadSignatureFormat  # in another section it is not a signature (RFC 8945 §5.1)
    owner, fixed = query.written_out(message, at)
    # The digest uses these values, whatever the record has (RFC 8945 §4.2), and not
    # RDLENGTH: with another one, other readers would see another record.
    behind_fixed = fixed + _RECORD.size
    if _RECORD.unpack_from(message, fixed) != (TSIG, _ANY, 0, len(message) - behind_fixed):
        raise BadSignatureFormat
    algorithm, at_times = query.written_out(message, behind_fixed)
    try:
        high, low, fudge = _TIME.unpack_from(message, at_times)
        at_mac = at_times + _TIME.size
        size = int.from_bytes(message[at_mac : at_mac + 2], "big")
        behind = at_mac + 2 + size
        error, length = struct.unpack_from(">HH", message, behind + 2)
    except struct.error:
        raise BadSignatureFormat from None
    if behind + 6 + length != len(message):
        raise BadSignatureFormat
    record = TsigRecord(
        lower(owner),
        lower(algorithm),
        high << 32 | low,
        fudge,
        message[at_mac + 2 : behind],
        message[behind : behind + 2],
        error,
        message[behind + 6 :],
    )
    return record, message[:10] + (additional - 1).to_bytes(2, "big") + message[12:at]


def signed_request(message: bytes, key: TsigKey, now: float) -> tuple[bytes, bytes]:
    """Return a request signed by ``key``, and its MAC, which :func:`is_answer` needs."""
    owner, algorithm = lower(from_text(key.name)), lower(from_text(key.algorithm + "."))
    record = TsigRecord(owner, algorithm, int(now), FUDGE_S, b"", message[:2], 0, b"")
    record = record._replace(mac=_digest(key, b"", message, record))
    count = int.from_bytes(message[10:12], "big") + 1
    signed = message[:10] + count.to_bytes(2, "big") + message[12:] + encode(record)
    return signed, record.mac


def is_answer(message: bytes, key: TsigKey, mac: bytes, now: float) -> bool:
    """Tell whether ``message`` is the signed answer to the request with this ``mac``."""
    try:
        found = _find(message)
    except (BadSignatureFormat, Malformed):
        return False
    if found is None:
        return False
    record, bare = found
    right = _digest(key, mac, record.original_id + bare[2:], record)
    is_right = hmac.compare_digest(right, record.mac)
    return is_right and abs(int(now) - record.time) <= record.fudge
