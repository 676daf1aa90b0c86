"""The worker's spec survives the pipe."""

from __future__ import annotations

import msgspec
import pytest

from dnsd.hotpath.api import Settings
from dnsd.serve.spec import TcpLimits, WorkerSpec, decode, encode

SPEC = WorkerSpec(
    index=1,
    workers=2,
    state_fd=7,
    journal_fd=8,
    images_fd=9,
    images="/var/lib/dnsd/images",
    listen=(("192.0.2.1", 53), ("2001:db8::1", 53)),
    floating=("192.0.2.1",),
    settings=Settings(nsid=b"\x00\xff", server_id=b"fra1", cookie_secrets=(bytes(16), b"s" * 16)),
    tcp=TcpLimits(connections=7, per_source=2, message=0.5, stall=0.25, unsent=70000),
    heartbeat=0.1,
    udp_receive_buffer=1 << 16,
)


def test_spec_round_trip() -> None:
    assert decode(encode(SPEC)) == SPEC


def test_spec_is_one_line() -> None:
    line = encode(SPEC)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


def test_spec_defaults_are_those_of_the_protocol() -> None:
    spec = decode(
        b'{"index":0,"workers":1,"state_fd":3,"journal_fd":4,"images_fd":5,"images":"/x",'
        b'"listen":[["127.0.0.1",53]],"settings":{}}'
    )
    assert spec.tcp == TcpLimits(
        connections=1000, per_source=32, message=2.0, stall=1.0, unsent=131072
    )
    assert spec.settings.tcp_idle == 10.0


@pytest.mark.parametrize("line", [b"", b"{}", b"not json", b'{"index":"0"}'])
def test_spec_refuses_what_is_none(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(line)
