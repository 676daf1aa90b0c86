"""The head of state files: what is read is what was written, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.process.envelope import sealed, unsealed


@given(body=st.binary(), version=st.integers(1, 99))
def test_what_was_sealed_is_read(body: bytes, version: int) -> None:
    assert unsealed("dnsd-kind", version, sealed("dnsd-kind", version, body)) == body


@given(body=st.binary(), at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_bit_that_is_turned_is_found(body: bytes, at: int, bit: int) -> None:
    data = bytearray(sealed("dnsd-kind", 1, body))
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(ValueError, match=r"is damaged|another version|does not begin"):
        unsealed("dnsd-kind", 1, bytes(data))


@given(data=st.binary())
def test_what_was_not_sealed_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="does not begin"):
        unsealed("dnsd-kind", 1, data)


def test_heads_of_earlier_versions_are_read() -> None:
    assert unsealed("dnsd-ledger", 1, b"dnsd-ledger 1 a3a6bf43\n{}") == b"{}"
    with pytest.raises(ValueError, match=r"another version \(2\)"):
        unsealed("dnsd-ledger", 1, b"dnsd-ledger 2 a3a6bf43\n{}")
