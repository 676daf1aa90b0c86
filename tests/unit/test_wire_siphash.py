"""SipHash against the vectors of its authors; the native twin finds what this one has placed."""

from __future__ import annotations

import pytest

from dnsd.wire.siphash import siphash13, siphash24

KEY = bytes(range(16))


@pytest.mark.parametrize(
    ("octets", "digest"),
    [
        (0, "310e0edd47db6f72"),
        (1, "fd67dc93c539f874"),
        (7, "37d1018bf50002ab"),
        (8, "6224939a79f5f593"),
        (15, "e545be4961ca29a1"),
        (63, "724506eb4c328a95"),
    ],
)
def test_siphash24(octets: int, digest: str) -> None:
    assert siphash24(KEY, bytes(range(octets))).hex() == digest


@pytest.mark.parametrize(
    ("octets", "digest"),
    [
        (0, "dcc40f055801acab"),
        (1, "93ca577df39bf4c9"),
        (7, "4011b19b987d92d3"),
        (8, "8e9a298d11959036"),
        (63, "a8b3bbb76290199d"),
    ],
)
def test_siphash13(octets: int, digest: str) -> None:
    assert siphash13(KEY, bytes(range(octets))) == int.from_bytes(bytes.fromhex(digest), "little")
