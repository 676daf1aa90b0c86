"""SipHash, a keyed hash: inputs that collide cannot be chosen without the key.

SipHash-2-4 makes cookies (RFC 9018 §4.4), SipHash-1-3 finds names. ``siphash.pxd`` is the twin.
"""

from __future__ import annotations

from struct import Struct

_M = (1 << 64) - 1
_WORDS = Struct("<QQ")
_WORD = Struct("<Q")


def siphash24(key: bytes, message: bytes) -> bytes:
    """Return the 8 octets of SipHash-2-4 of ``message`` under a key of 16 octets."""
    return _siphash(key, message, 2, 4).to_bytes(8, "little")


def siphash13(key: bytes, message: bytes) -> int:
    """Return SipHash-1-3 of ``message`` under a key of 16 octets, as 64 bits."""
    return _siphash(key, message, 1, 3)


def _siphash(key: bytes, message: bytes, compress: int, finish: int) -> int:
    k0, k1 = _WORDS.unpack(key)
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    size = len(message)
    padded = message + bytes(7 - size % 8) + bytes((size & 0xFF,))
    words = [(word, compress) for (word,) in _WORD.iter_unpack(padded)]
    # rounds are written out here because the readable hot path finds every name with them
    for word, rounds in (*words, (0, finish)):
        v3 ^= word
        if rounds == finish:
            v2 ^= 0xFF
        for _ in range(rounds):
            v0 = v0 + v1 & _M
            v1 = (v1 << 13 & _M | v1 >> 51) ^ v0
            v2 = v2 + v3 & _M
            v3 = (v3 << 16 & _M | v3 >> 48) ^ v2
            v0 = (v0 << 32 & _M | v0 >> 32) + v3 & _M
            v3 = (v3 << 21 & _M | v3 >> 43) ^ v0
            v2 = v2 + v1 & _M
            v1 = (v1 << 17 & _M | v1 >> 47) ^ v2
            v2 = v2 << 32 & _M | v2 >> 32
        v0 ^= word
    digest: int = v0 ^ v1 ^ v2 ^ v3
    return digest
