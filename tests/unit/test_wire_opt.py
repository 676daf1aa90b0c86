"""OPT records: read as dnspython writes them, written as dnspython reads them."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.wire import opt

CLASS_AT = 3
"""An OPT record is the root name, the type and then the class."""

codes = st.sampled_from([opt.NSID, opt.COOKIE, opt.KEEPALIVE, opt.EDE, 8, 12, 65001])
options = st.lists(st.tuples(codes, st.binary(max_size=45)), max_size=6)


def rdata(pairs: list[tuple[int, bytes]]) -> bytes:
    return b"".join(opt.option(code, value) for code, value in pairs)


def parse(octets: bytes, payload: int = 1232, flags: int = 0, version: int = 0) -> opt.Edns | None:
    """Parse an OPT record with those octets as its rdata."""
    head = b"\x00\x00\x29" + payload.to_bytes(2, "big") + bytes((0, version))
    record = head + flags.to_bytes(2, "big") + len(octets).to_bytes(2, "big") + octets
    return opt.parse_edns(record, CLASS_AT, len(record))


@given(
    pairs=options,
    payload=st.integers(0, 65535),
    flags=st.integers(0, 65535),
    version=st.integers(0, 255),
)
def test_what_is_read(
    pairs: list[tuple[int, bytes]], payload: int, flags: int, version: int
) -> None:
    edns = parse(rdata(pairs), payload, flags, version)
    assert edns is not None
    assert (edns.payload, edns.flags, edns.version) == (payload, flags, version)
    present = {code for code, _ in pairs}
    assert edns.nsid == (opt.NSID in present)
    assert edns.keepalive == (opt.KEEPALIVE in present)
    first = next((value for code, value in pairs if code == opt.COOKIE), None)
    assert edns.cookie == first


@pytest.mark.parametrize("length", range(45))
def test_lengths_of_cookies(length: int) -> None:
    """A client cookie of 8 octets, alone or with a server cookie of 8 to 32 (RFC 7873 §4)."""
    edns = parse(opt.option(opt.COOKIE, bytes(length)))
    assert edns is not None
    assert edns.bad_cookie == (length != 8 and not 16 <= length <= 40)


def test_number_of_options() -> None:
    assert parse(opt.option(65001, b"") * 32) is not None
    assert parse(opt.option(65001, b"") * 33) is None


def test_the_first_of_two_cookies_counts() -> None:
    """RFC 7873 §5.2."""
    edns = parse(opt.option(opt.COOKIE, b"clientco") + opt.option(opt.COOKIE, b"bad"))
    assert edns is not None
    assert (edns.cookie, edns.bad_cookie) == (b"clientco", False)
    edns = parse(opt.option(opt.COOKIE, b"") + opt.option(opt.COOKIE, b"clientco"))
    assert edns is not None
    assert (edns.cookie, edns.bad_cookie) == (b"", True)


@given(pairs=options.filter(bool), data=st.data())
def test_options_cut_short(pairs: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole = rdata(pairs)
    edges = {len(rdata(pairs[:count])) for count in range(len(pairs) + 1)}
    length = data.draw(st.integers(0, len(whole)))
    assert (parse(whole[:length]) is not None) == (length in edges)


@given(st.binary(max_size=80))
def test_any_octets(octets: bytes) -> None:
    """Never more than None, and never a look beyond the record's end."""
    record = b"\x00\x00\x29" + bytes(8) + octets
    behind = record + opt.option(opt.NSID, b"") * 3
    assert opt.parse_edns(record, CLASS_AT, len(record)) == opt.parse_edns(
        behind, CLASS_AT, len(record)
    )


@given(
    payload=st.integers(512, 4096),
    rcode=st.sampled_from([0, 1, 3, 5, 16, 23]),
    flags=st.integers(0, 65535),
    pairs=st.lists(st.tuples(st.just(65001), st.binary(max_size=30)), max_size=3),
)
def test_what_is_written(
    payload: int, rcode: int, flags: int, pairs: list[tuple[int, bytes]]
) -> None:
    record = opt.record(payload, rcode, flags, rdata(pairs))
    header = bytes((0, 1, 0x80, rcode & 15)) + bytes(6) + b"\x00\x01"
    message = dns.message.from_wire(header + record)
    assert message.payload == payload
    assert message.rcode() == rcode
    assert message.edns == 0
    # only DO is echoed (RFC 3225 §3)
    assert message.ednsflags & 0xFFFF == flags & dns.flags.DO
    assert [(int(o.otype), o.to_wire()) for o in message.options] == pairs
    assert len(record) == opt.SIZE + len(rdata(pairs))


def test_extended_error() -> None:
    record = opt.record(1232, 5, 0, opt.extended_error(opt.NOT_AUTHORITATIVE))
    (error,) = dns.message.from_wire(bytes(11) + b"\x01" + record).extended_errors()
    assert error.code == dns.edns.EDECode.NOT_AUTHORITATIVE
    assert error.text is None
