"""What a primary sends: every stream of the RFCs, however it is cut, and whatever is wrong."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.transfer import incoming
from dnsd.transfer.incoming import (
    Incoming,
    ReceivedDifferences,
    TransferFault,
    TransferRefused,
    UpToDate,
    soa_in,
)
from dnsd.transfer.tsigclient import SignedExchange
from dnsd.versions.difference import apply, compare, condense
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire.name import from_text, lower
from dnsd.wire.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

APEX = from_text("example.")
IDENT, MOST = 4711, 1 << 20
AXFR, IXFR, SOA = "AXFR", "IXFR", "SOA"

owners = st.sampled_from([from_text(f"{name}example.") for name in ("", "a.", "B.", "b.a.", "*.")])
contents = (
    st.tuples(st.just(1), st.binary(min_size=4, max_size=4))
    | st.tuples(st.just(2), owners)
    | st.tuples(st.just(15), owners.map(lambda name: b"\x00\x05" + name))
    | st.tuples(st.just(65280), st.binary(max_size=9))
)
rows = st.builds(lambda owner, content: Record(owner, content[0], 60, content[1]), owners, contents)


def soa(serial: int, ttl: int = 60) -> Record:
    return Record(APEX, 6, ttl, APEX * 2 + serial.to_bytes(4, "big") + bytes(16))


def make(serial: int, found: Sequence[Record]) -> ZoneVersion:
    return from_records(APEX, [soa(serial), *found])


bodies = st.lists(rows, max_size=8)


def message(records: Sequence[Record], qtype: str | None, rcode: int = 0, flags: int = 0) -> bytes:
    made = dns.message.Message(IDENT)
    made.flags |= dns.flags.QR | dns.flags.AA | flags
    made.set_rcode(dns.rcode.Rcode(rcode))
    if qtype is not None:
        made.question.append(
            dns.rrset.RRset(
                dns.name.from_wire(APEX, 0)[0], dns.rdataclass.IN, dns.rdatatype.from_text(qtype)
            )
        )
    for one in records:
        rtype = dns.rdatatype.RdataType.make(one.rtype)
        rdata = dns.rdata.from_wire(dns.rdataclass.IN, rtype, one.rdata, 0, len(one.rdata))
        made.answer.append(
            dns.rrset.from_rdata(dns.name.from_wire(one.owner, 0)[0], one.ttl, rdata)
        )
    octets = made.to_wire()
    assert octets is not None
    return octets


def cut(records: Sequence[Record], sizes: Sequence[int], qtype: str) -> list[bytes]:
    """Put ``records`` into messages of so many records, the last size again and again."""
    found: list[bytes] = []
    at = 0
    while at < len(records):
        size = sizes[min(len(found), len(sizes) - 1)]
        found.append(message(records[at : at + size], None if found else qtype))
        at += size
    return found


def of(difference_octets: bytes) -> list[Record]:
    from dnsd.versions._stored import records

    return list(records(difference_octets))


def received(messages: Sequence[bytes], serial: int | None) -> object:
    coming = Incoming(APEX, IDENT, serial, MOST)
    for number, one in enumerate(messages):
        assert not coming.is_complete, number
        coming.take(one)
    assert coming.is_complete
    return coming.result()


def take_all(coming: Incoming, messages: Sequence[bytes]) -> None:
    for one in messages:
        coming.take(one)


sizes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(bodies, sizes, st.sampled_from((None, 1, 4)))
def test_a_whole_zone_however_it_is_cut(
    body: list[Record], cuts: list[int], serial: int | None
) -> None:
    version = make(7, [Record(APEX, 2, 60, APEX), *body])
    stream = [*version, version.soa]
    assert received(cut(stream, cuts, AXFR if serial is None else IXFR), serial) == version


@given(st.lists(bodies, min_size=2, max_size=4), sizes)
def test_differences_however_they_are_cut(steps: list[list[Record]], cuts: list[int]) -> None:
    versions = [make(number, body) for number, body in enumerate(steps, 1)]
    differences = [compare(old, new) for old, new in itertools.pairwise(versions)]
    stream = [versions[-1].soa]
    for one in differences:
        stream += [*of(bytes(one.removed)), *of(bytes(one.added))]
    stream.append(versions[-1].soa)
    found = received(cut(stream, cuts, IXFR), 1)
    assert isinstance(found, ReceivedDifferences)
    assert apply(condense(found.differences), versions[0]) == versions[-1]


@given(bodies, bodies, sizes, st.data())
def test_a_stream_that_is_wrong_gives_nothing(
    old: list[Record], new: list[Record], cuts: list[int], data: st.DataObject
) -> None:
    """Records left out, twice, in another order, or strange: a fault, never another result."""
    before, after = make(1, old), make(2, new)
    one = compare(before, after)
    stream = [after.soa, *of(bytes(one.removed)), *of(bytes(one.added)), after.soa]
    at = data.draw(st.integers(0, len(stream) - 1))
    strange = data.draw(
        st.sampled_from(
            (
                stream[:at] + stream[at + 1 :],
                [*stream[:at], soa(9), *stream[at:]],
                [*stream[:at], Record(from_text("other."), 1, 60, bytes(4)), *stream[at:]],
                [*stream, soa(2)],
                [*stream, Record(APEX, 1, 60, bytes(4))],
            )
        )
    )
    coming = Incoming(APEX, IDENT, 1, MOST)
    with suppress(TransferFault):
        for message_ in cut(strange, cuts, IXFR):
            coming.take(message_)
        if not coming.is_complete:
            return
        found = coming.result()
        if isinstance(found, ReceivedDifferences):
            made = condense(found.differences)
            assert (made.before, made.after) == (1, 2)
            assert strange != [*stream, soa(2)]
        elif isinstance(found, ZoneVersion):
            assert found.serial in {2, 9}


@given(bodies, sizes, st.integers(0, 3000), st.integers(0, 255))
def test_octets_that_are_changed_or_cut_never_break_it(
    body: list[Record], cuts: list[int], at: int, octet: int
) -> None:
    version = make(7, body)
    messages = cut([*version, version.soa], cuts, AXFR)
    for damage in ("cut", "changed"):
        coming = Incoming(APEX, IDENT, None, MOST)
        with suppress(TransferFault):
            for one in messages:
                place = at % len(one)
                changed = one[:place] + bytes((octet,)) + one[place + 1 :]
                coming.take(one[:place] if damage == "cut" else changed)
            if coming.is_complete:
                assert isinstance(coming.result(), ZoneVersion)


def test_nothing_newer() -> None:
    for serial in (7, 8):
        assert received([message([soa(7)], IXFR)], serial) is UpToDate.NOTHING_NEWER
    coming = Incoming(APEX, IDENT, 6, MOST)
    coming.take(message([soa(7)], IXFR))
    assert not coming.is_complete, "the rest comes in other messages"


ROW = Record(from_text("a.example."), 1, 60, bytes(4))


@pytest.mark.parametrize(
    ("serial", "messages", "why"),
    [
        (None, [message([], AXFR)], "no records"),
        (None, [message([ROW], AXFR)], "the first record is no SOA"),
        (None, [message([soa(1), ROW, soa(2)], AXFR)], "first and its last SOA"),
        (None, [message([soa(1), soa(2)], AXFR)], "first and its last SOA"),
        (None, [message([soa(1), ROW, soa(1), ROW], AXFR)], "records follow the end"),
        (None, [message([soa(1)], AXFR), message([ROW], AXFR, rcode=2)], "answers SERVFAIL"),
        (None, [message([soa(1)], IXFR)], "another question"),
        (None, [message([soa(1)], None)], "0 questions"),
        (None, [message([soa(1)], AXFR, flags=dns.flags.TC)], "is truncated"),
        (None, [message([soa(1)], AXFR)[:11]], "shorter than its header"),
        (None, [message([soa(1)], AXFR).replace(b"\x12\x67", b"\x12\x68", 1)], "does not answer"),
        (1, [message([soa(3), soa(2), soa(3), soa(3)], IXFR)], "serial 2, not at 1"),
        (1, [message([soa(3), soa(1), soa(2), soa(1)], IXFR)], "serial 1, not at 2"),
        (1, [message([soa(3), soa(1), soa(1)], IXFR)], "serial 1 to 1, which is not newer"),
        (1, [message([soa(3), soa(1), soa(3), soa(3, 7)], IXFR)], "first and its last SOA"),
    ],
)
def test_what_is_wrong_is_told(serial: int | None, messages: list[bytes], why: str) -> None:
    coming = Incoming(APEX, IDENT, serial, MOST)
    with pytest.raises(TransferFault, match=why):
        take_all(coming, messages)


def test_it_has_a_limit() -> None:
    one = message([soa(1)], AXFR)
    more = message([ROW], AXFR)
    coming = Incoming(APEX, IDENT, None, len(one) + 5 * len(more))
    coming.take(one)
    take_all(coming, [more] * 5)
    with pytest.raises(TransferFault, match="which is the limit"):
        coming.take(more)


def test_differences_without_end_are_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MOST_PARTS", 6)
    steps = [[soa(serial), soa(serial + 1)] for serial in range(1, 9)]
    few = [soa(3), *(one for step in steps[:2] for one in step), soa(3)]
    assert received([message(few, IXFR)], 1)
    many = message([soa(9), *(one for step in steps for one in step), soa(9)], IXFR)
    with pytest.raises(TransferFault, match="more than 3 differences"):
        received([many], 1)


def test_the_serial_that_a_primary_has() -> None:
    assert soa_in(message([soa(5)], SOA), IDENT, APEX) == soa(5).rdata
    with pytest.raises(TransferRefused) as refused:
        soa_in(message([], SOA, rcode=5), IDENT, APEX)
    assert refused.value.rcode == 5
    for wrong in (message([], SOA), message([ROW], SOA)):
        with pytest.raises(TransferFault):
            soa_in(wrong, IDENT, APEX)
    assert lower(APEX) == APEX


@pytest.mark.parametrize(
    ("rcode", "said"), [(5, "REFUSED: does its access list"), (9, "NOTAUTH: does it have a zone")]
)
def test_an_error_says_where_to_look_signed_or_not(rcode: int, said: str) -> None:
    assert str(TransferRefused(rcode)).startswith(f"the primary answers {said}")
    exchange = SignedExchange(dns.tsig.Key("k.", b"secret"))
    request = dns.message.make_query("a.example.", "AXFR", use_edns=False)
    exchange.sign(request.to_wire(), 0)
    answer = dns.message.make_response(request)
    answer.set_rcode(dns.rcode.Rcode(rcode))
    with pytest.raises(TransferFault, match=f"the primary answers, unsigned, {said}"):
        exchange.check(answer.to_wire(), 0)
