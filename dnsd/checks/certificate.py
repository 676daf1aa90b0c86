"""Until when is an X.509 certificate valid (RFC 5280 §4.1.2.5)? Reads just enough DER.

The ssl module tells it only of certificates that it has verified.
"""

from __future__ import annotations

from datetime import UTC, datetime

_INTEGER, _UTC_TIME, _GENERALIZED_TIME, _SEQUENCE, _VERSION = 0x02, 0x17, 0x18, 0x30, 0xA0


def not_after(der: bytes) -> float:
    """Return the POSIX seconds of its end; ValueError if ``der`` is no certificate."""
    fields, _ = _content(_content(der, _SEQUENCE)[0], _SEQUENCE)
    if fields[:1] == bytes((_VERSION,)):
        _, fields = _content(fields, _VERSION)
    for kind in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, algorithm, issuer
        _, fields = _content(fields, kind)
    validity, _ = _content(fields, _SEQUENCE)
    _, end = _content(validity, validity[0] if validity else 0)
    kind = end[0] if end else 0
    text = _content(end, kind)[0].decode("ascii")
    if kind == _UTC_TIME:
        text = ("19" if text >= "5" else "20") + text
    elif kind != _GENERALIZED_TIME:
        raise ValueError("it has no notAfter")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _content(der: bytes, kind: int) -> tuple[bytes, bytes]:
    """Return the content of the value of ``kind`` at the start of ``der``, and what follows it."""
    if len(der) < 2 or der[0] != kind:
        raise ValueError(f"malformed DER: no value of kind {kind:#x}")
    size, start = der[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start], "big")
    if start + size > len(der):
        raise ValueError("malformed DER: a value is longer than what contains it")
    return der[start : start + size], der[start + size :]
