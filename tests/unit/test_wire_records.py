"""Records: what the writer writes, dnspython and ``read`` read alike."""

from __future__ import annotations

import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.wire.records import QNAME, Record, Writer, read

LABELS = (b"a", b"A", b"b", b"mail", b"\x00", b"l" * 63)
wire_names = st.lists(st.sampled_from(LABELS), max_size=3).map(
    lambda labels: names.join((*labels, b"Example"))
) | st.just(names.ROOT)

numbers = st.integers(0, 65535).map(lambda number: number.to_bytes(2, "big"))
rdatas = st.one_of(
    st.tuples(st.just(rr.A), st.binary(min_size=4, max_size=4)),
    st.tuples(st.sampled_from((rr.NS, rr.CNAME, rr.PTR, rr.DNAME)), wire_names),
    st.tuples(st.just(rr.MX), st.builds(bytes.__add__, numbers, wire_names)),
    st.tuples(st.just(rr.SRV), st.builds(lambda n, t: n * 3 + t, numbers, wire_names)),
    st.tuples(
        st.just(rr.SOA), st.builds(lambda m, r: m + r + bytes(range(20)), wire_names, wire_names)
    ),
    st.tuples(st.just(65280), st.binary(max_size=40)),
    # MB is one of those that nobody knows any more: any octets
    st.tuples(st.just(7), st.binary(max_size=10)),
)
records = st.lists(
    st.builds(
        lambda owner, ttl, pair: Record(owner, pair[0], ttl, pair[1]),
        wire_names,
        st.integers(0, 2**31 - 1),
        rdatas,
    ),
    max_size=12,
)


def write(qname: bytes, items: list[Record]) -> tuple[bytes, Writer]:
    """The whole message with ``items`` as its answer section."""
    writer = Writer(qname)
    for item in items:
        writer.add(*item)
    header = b"\x00\x00\x80\x00\x00\x01" + len(items).to_bytes(2, "big") + bytes(4)
    return header + qname + b"\x00\x01\x00\x01" + writer.octets, writer


def folded(record: Record) -> Record:
    """A compressed name takes the spelling of what it points to."""
    before, inside, after = rr.split_names(record.rtype, record.rdata)
    rdata = before + b"".join(map(names.lower, inside)) + after
    return record._replace(owner=names.lower(record.owner), rdata=rdata)


@given(qname=wire_names, items=records)
def test_round_trip(qname: bytes, items: list[Record]) -> None:
    message, _ = write(qname, items)
    found, end = read(message, 12 + len(qname) + 4, len(items))
    assert end == len(message)
    assert [folded(record) for record in found] == [folded(record) for record in items]


@given(qname=wire_names, items=records)
def test_dnspython_reads_the_same(qname: bytes, items: list[Record]) -> None:
    message = dns.message.from_wire(write(qname, items)[0], one_rr_per_rrset=True)
    found = []
    for rrset in message.answer:
        owner, rdata = rrset.name.to_wire(), rrset[0].to_wire()
        assert owner is not None
        assert rdata is not None
        found.append(folded(Record(owner, int(rrset.rdtype), rrset.ttl, rdata)))
    assert found == [folded(record) for record in items]


@given(qname=wire_names, items=records)
def test_pointers_point_back_to_names(qname: bytes, items: list[Record]) -> None:
    message, writer = write(qname, items)
    start = len(message) - len(writer.octets)
    for at in writer.pointers:
        place = start + at
        assert message[place] >= 0xC0
        target = int.from_bytes(message[place : place + 2], "big") & 0x3FFF
        assert 12 < target < place
        dns.name.from_wire(message, target)


def test_names_are_compressed_without_case() -> None:
    qname = names.from_text("www.Example.")
    _, writer = write(
        qname,
        [
            Record(names.from_text("WWW.example."), rr.NS, 0, names.from_text("ns.EXAMPLE.")),
            Record(names.from_text("NS.example."), rr.A, 0, bytes(4)),
            Record(QNAME, rr.MX, 0, b"\x00\x05" + names.from_text("a.ns.example.")),
        ],
    )
    assert bytes(writer.octets) == b"".join(
        (
            b"\xc0\x0c\x00\x02\x00\x01\x00\x00\x00\x00\x00\x05\x02ns\xc0\x10",
            b"\xc0\x29\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00",
            b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x00\x00\x06\x00\x05\x01a\xc0\x29",
        )
    )
    # the query name's own pointers never move
    assert writer.pointers == [15, 17, 49]


def test_names_in_later_types_are_not_compressed() -> None:
    """RFC 3597 §4: nor are they remembered as targets."""
    qname = names.from_text("example.")
    target = names.from_text("ns.example.")
    _, writer = write(
        qname,
        [
            Record(qname, rr.SRV, 0, bytes(6) + target),
            Record(qname, rr.DNAME, 0, target),
            Record(target, rr.A, 0, bytes(4)),
        ],
    )
    assert writer.octets.count(b"\x02ns") == 3
    assert writer.octets.count(target) == 2


def test_nothing_beyond_the_limit_is_pointed_to() -> None:
    qname = names.from_text("q.")
    writer = Writer(qname, limit=100)
    start = 12 + len(qname) + 4
    for number in range(20):
        for _ in range(2):
            writer.add(names.from_text(f"n{number}."), rr.A, 0, bytes(4))
    targets = set()
    for at in writer.pointers:
        targets.add(int.from_bytes(writer.octets[at : at + 2], "big") & 0x3FFF)
    assert targets == {start, start + 34, start + 68}
    assert len(writer.pointers) == 3


@pytest.mark.parametrize("limit", [-5, 0, 12 + 3 + 4 - 1])
def test_a_limit_before_the_body_leaves_the_query_name(limit: int) -> None:
    writer = Writer(names.from_text("q."), limit)
    for _ in range(2):
        writer.add(names.from_text("a.q."), rr.A, 0, bytes(4))
    assert [bytes(writer.octets[at : at + 2]) for at in writer.pointers] == []
    assert writer.octets.count(b"\x01a\xc0\x0c") == 2


def test_offsets_beyond_14_bits_are_not_pointed_to() -> None:
    qname = names.from_text("q.")
    items = [Record(QNAME, 65280, 0, bytes(8000)) for _ in range(2)]
    late = names.from_text("late.")
    items += [Record(QNAME, 65280, 0, bytes(200)) for _ in range(2)]
    items += [Record(late, rr.A, 0, bytes(4)) for _ in range(2)]
    message, writer = write(qname, items)
    assert writer.octets.count(late) == 2
    assert read(message, 19, 6)[0] == [
        item._replace(owner=qname) if item.owner == QNAME else item for item in items
    ]


def test_forgotten_names_are_not_pointed_to() -> None:
    wildcard = names.from_text("*.example.")
    writer = Writer(wildcard)
    writer.forget(wildcard)
    writer.add(wildcard, rr.CNAME, 0, wildcard)
    first = b"\x01*\xc0\x0e\x00\x05\x00\x01\x00\x00\x00\x00\x00\x02"
    assert bytes(writer.octets) == first + bytes((0xC0, 12 + len(wildcard) + 4))


def test_a_pointer_that_does_not_point_back_is_refused() -> None:
    for pointer in (b"\xc0\x0c", b"\xc0\x0e", b"\x01a\xc0\x0c", b"\x01a\xc0\x0f"):
        with pytest.raises((ValueError, IndexError)):
            read(bytes(12) + pointer + bytes(20), 12, 1)


def test_rdata_parts() -> None:
    name = names.from_text("a.b.")
    assert rr.split_names(rr.A, b"abcd") == (b"abcd", (), b"")
    assert rr.split_names(rr.MX, b"\x00\x01" + name) == (b"\x00\x01", (name,), b"")
    assert rr.split_names(rr.SOA, name + b"\x00" + bytes(20)) == (b"", (name, b"\x00"), bytes(20))
    assert rr.target(rr.SRV, bytes(6) + name) == name
    assert rr.target(rr.HTTPS, b"\x00\x01" + name + b"\x00\x01\x00\x00") == name
    assert rr.target(rr.TXT, b"\x01a") is None
    assert rr.is_alias_mode(b"\x00\x00" + name)
    assert not rr.is_alias_mode(b"\x01\x00" + name)


@pytest.mark.parametrize(("ttl", "minimum", "negative"), [(5, 10, 5), (10, 5, 5), (0, 5, 0)])
def test_negative_ttl(ttl: int, minimum: int, negative: int) -> None:
    """RFC 2308 §5."""
    rdata = b"\x00\x00" + bytes(16) + minimum.to_bytes(4, "big")
    assert rr.soa_negative_ttl(rdata, ttl) == negative
