"""The first line of a state file: its kind, its version, and a checksum.

dnsd-ledger 1 0a1b2c3d
the content
"""

from __future__ import annotations

from zlib import crc32


def sealed(kind: str, version: int, body: bytes) -> bytes:
    """Return ``body`` after its first line."""
    return f"{kind} {version} {crc32(body):08x}\n".encode() + body


def unsealed(kind: str, version: int, data: bytes) -> bytes:
    """Return the body in ``data``; ValueError says what is wrong, such as "is damaged"."""
    head, _, body = data.partition(b"\n")
    match head.decode("ascii", "replace").split(" "):
        case [found, _, _] if found != kind:
            pass
        case [_, other, _] if other != str(version):
            raise ValueError(f"was written by another version ({other[:20]})")
        case [_, _, checksum] if checksum != f"{crc32(body):08x}":
            raise ValueError("is damaged: its checksum does not match")
        case [_, _, _]:
            return body
    raise ValueError(f"does not begin as {kind} does")
