"""Queries: those that are well formed read as dnspython reads them, all others are Malformed."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.tsig
import pytest
from dns.edns import GenericOption, Option, OptionType
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from hypothesis import example, given
from hypothesis import strategies as st

from dnsd.wire import query
from dnsd.wire.query import FORMERR, Malformed, Query
from dnsd.wire.rdata import IXFR

HEADER = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
A_IN = b"\x00\x01\x00\x01"
NAME_255 = (b"\x3f" + b"l" * 63) * 3 + b"\x3d" + b"l" * 61 + b"\x00"
LABELS_127 = b"\x01a" * 127 + b"\x00"
OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"

labels = st.lists(st.binary(min_size=1, max_size=15), max_size=6)


def parse(packet: bytes) -> Query:
    asked = query.begin(packet)
    query.parse(packet, asked)
    return asked


def attempt(packet: bytes) -> Query | Malformed:
    try:
        return parse(packet)
    except Malformed as malformed:
        return malformed


def refused(packet: bytes) -> tuple[int, str]:
    """The rcode and the counter that ``packet`` is refused with."""
    malformed = attempt(packet)
    assert isinstance(malformed, Malformed)
    return malformed.rcode, malformed.counter


def packet(
    qname: bytes = b"\x01a\x00", additional: bytes = b"", arcount: int = 0, **counts: int
) -> bytes:
    """A query for A; ``counts`` are qdcount, ancount, nscount."""
    numbers = counts.get("qdcount", 1), counts.get("ancount", 0), counts.get("nscount", 0), arcount
    head = HEADER[:4] + b"".join(number.to_bytes(2, "big") for number in numbers)
    return head + qname + A_IN + additional


@given(
    labels=labels,
    qtype=st.integers(0, 65535),
    qclass=st.sampled_from([1, 3, 255]),
    payload=st.none() | st.integers(0, 65535),
    dnssec=st.booleans(),
    nsid=st.booleans(),
    flags=st.sampled_from([0, dns.flags.RD, dns.flags.CD, dns.flags.RD | dns.flags.AD]),
)
def test_valid_queries(
    labels: list[bytes],
    qtype: int,
    qclass: int,
    payload: int | None,
    dnssec: bool,
    nsid: bool,
    flags: int,
) -> None:
    name = dns.name.Name((*labels, b""))
    message = dns.message.make_query(name, RdataType.make(qtype), RdataClass.make(qclass))
    message.flags = dns.flags.Flag(flags)
    message.use_edns(False)
    if payload is not None:
        options: list[Option] = [GenericOption(OptionType.NSID, b"")] if nsid else []
        message.use_edns(0, dns.flags.DO if dnssec else 0, payload, options=options)
    octets = message.to_wire()

    asked = parse(octets)
    read = dns.message.from_wire(octets)
    assert asked.ident == octets[:2]
    assert asked.flags == int(read.flags)
    assert asked.opcode == query.QUERY
    assert asked.qname == read.question[0].name.to_wire()
    assert (asked.qtype, asked.qclass) == (qtype, qclass)
    assert [asked.qname[at + 1 :][: asked.qname[at]] for at in asked.offsets] == labels
    assert asked.question == octets[12 : 12 + len(asked.qname) + 4]
    if payload is None:
        assert asked.edns is None
    else:
        assert asked.edns is not None
        assert asked.edns.payload == read.payload
        assert asked.edns.flags == read.ednsflags & 0xFFFF
        assert asked.edns.nsid == nsid


@given(st.binary(max_size=80))
@example(b"")
@example(NAME_255)
def test_any_octets_after_any_header(octets: bytes) -> None:
    for counts in (b"\x00\x01\x00\x00\x00\x00\x00\x02", b"\x00\x01\x00\x00\x00\x01\x00\x01"):
        asked = attempt(HEADER[:4] + counts + octets)
        assert isinstance(asked, Query) or asked.rcode == FORMERR


@given(st.binary(min_size=12, max_size=100))
def test_any_octets(octets: bytes) -> None:
    asked = attempt(octets)
    assert isinstance(asked, Query) or asked.rcode == FORMERR
    other = query.begin(octets[:2] + b"\x7f" + octets[3:])
    query.parse(octets, other)
    assert other.question == b""


@given(data=st.data())
def test_mutated_queries(data: st.DataObject) -> None:
    octets = bytearray(packet(b"\x03www\x07example\x00", OPT[:-1] + b"\x04\x00\x03\x00\x00", 1))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(4, len(octets) - 1))] = data.draw(st.integers(0, 255))
    asked = attempt(bytes(octets))
    if isinstance(asked, Query):
        assert len(asked.qname) <= 255
        assert len(asked.question) == len(asked.qname) + 4 or not asked.question


@pytest.mark.parametrize("whole", [packet(), packet(additional=OPT, arcount=1), packet(NAME_255)])
def test_every_truncation_is_malformed(whole: bytes) -> None:
    parse(whole)
    for length in range(12, len(whole)):
        assert refused(whole[:length])[0] == FORMERR
    parse(whole + b"trailing octets")


@pytest.mark.parametrize(("name", "count"), [(b"\x00", 0), (NAME_255, 4), (LABELS_127, 127)])
def test_longest_names(name: bytes, count: int) -> None:
    asked = parse(packet(name))
    assert asked.qname == name
    assert len(asked.offsets) == count


@pytest.mark.parametrize(
    "name",
    [
        b"\x01a" + NAME_255,
        b"\x01a" * 128 + b"\x00",
        (b"\x3f" + b"l" * 63) * 3 + b"\x3e" + b"l" * 62 + b"\x00",
        b"\x40" + b"l" * 64 + b"\x00",
        b"\x80\x00",
        b"\xc0\x0c",
        b"\x01a\xc0\x0c",
    ],
)
def test_names_that_are_refused(name: bytes) -> None:
    assert refused(packet(name)) == (FORMERR, "odd_bad_name")


@pytest.mark.parametrize(
    ("octets", "counter"),
    [
        (packet(qdcount=2) + b"\x00" + A_IN, "odd_many_questions"),
        (packet(qdcount=65535), "odd_many_questions"),
        (HEADER[:5] + bytes(7), "odd_no_question"),
        (HEADER[:4] + bytes(7) + b"\x01" + OPT, "odd_no_question"),
        (packet(ancount=1), "odd_records"),
        (packet(nscount=1), "odd_records"),
        (packet(additional=OPT * 3, arcount=3), "odd_records"),
        (packet(additional=OPT * 2, arcount=2), "odd_edns"),
        (packet(additional=b"\x01a" + OPT, arcount=1), "odd_edns"),
        (packet(additional=b"\xc0\x0c" + OPT[1:], arcount=1), "odd_edns"),
        (packet(additional=OPT[:-1] + b"\x01", arcount=1), "odd_edns"),
        (packet(additional=OPT[:-1] + b"\x01\x00", arcount=1), "odd_edns"),
        (packet(additional=NAME_255[:-1] + b"\x01a" + OPT, arcount=1), "odd_records"),
        (packet(additional=b"\x41" + bytes(70), arcount=1), "odd_records"),
    ],
)
def test_what_is_refused(octets: bytes, counter: str) -> None:
    assert refused(octets) == (FORMERR, counter)


def test_a_name_of_255_octets_in_the_additional_section() -> None:
    record = b"\x00\x01\x00\x01" + bytes(6)
    parse(packet(additional=NAME_255 + record, arcount=1))
    too_long = NAME_255[:192] + b"\x3e" + b"l" * 62 + b"\x00"
    assert refused(packet(additional=too_long + record, arcount=1)) == (FORMERR, "odd_records")


def test_ixfr_brings_its_soa() -> None:
    question = b"\x01a\x00\x00\xfb\x00\x01"
    soa = b"\xc0\x0c\x00\x06\x00\x01" + bytes(4) + b"\x00\x16\x00\x00" + bytes(20)
    octets = HEADER[:8] + b"\x00\x01\x00\x00" + question + soa
    assert parse(octets).qtype == IXFR
    assert refused(octets[:-1]) == (FORMERR, "odd_records")
    assert refused(HEADER[:8] + b"\x00\x02\x00\x00" + question + soa * 2)[1] == "odd_records"


def test_no_question_but_a_cookie() -> None:
    """RFC 7873 §5.4: a way to ask for a cookie only."""
    rdata = b"\x00\x0a\x00\x08clientco"
    octets = HEADER[:4] + bytes(7) + b"\x01" + OPT[:-1] + bytes((len(rdata),)) + rdata
    asked = parse(octets)
    assert asked.question == b""
    assert asked.edns is not None
    assert asked.edns.cookie == b"clientco"


# -- TSIG ------------------------------------------------------------------------------------

KEY = dns.tsig.Key("key.example.", b"secret")


def signed_query() -> bytes:
    message = dns.message.make_query("a.", "A", id=0x1234, use_edns=0)
    message.use_tsig(KEY)
    return message.to_wire()


def test_an_unknown_key_is_named_in_the_refusal() -> None:
    """RFC 8945 §5.2.1: BADKEY, unsigned, for the request's key and time."""
    octets = signed_query()
    asked = parse(octets)
    header = octets[:2] + b"\x80\x09" + b"\x00\x00" * 3 + b"\x00\x01"
    # without a keyring dnspython would not read a TSIG
    response = dns.message.from_wire(
        header + asked.tsig, keyring=False, ignore_trailing=False, raise_on_truncation=True
    )
    assert response.keyname == KEY.name
    tsig = response.tsig
    assert tsig is not None
    request = dns.message.from_wire(octets, keyring=False).tsig
    assert request is not None
    (reply,), (sent,) = tsig, request
    assert reply.error == 17
    assert reply.mac == b""
    assert reply.other == b""
    assert reply.original_id == 0x1234
    assert (reply.algorithm, reply.time_signed, reply.fudge) == (
        sent.algorithm,
        sent.time_signed,
        sent.fudge,
    )


def tsig(owner: bytes, rdata: bytes) -> bytes:
    return owner + b"\x00\xfa\x00\xff" + bytes(4) + len(rdata).to_bytes(2, "big") + rdata


TSIG_RDATA = b"\x03alg\x00" + bytes(8) + b"\x00\x02mm" + b"\x12\x34" + bytes(4)


def test_tsig_parts() -> None:
    asked = parse(packet(additional=tsig(b"\x01k\x00", TSIG_RDATA), arcount=1))
    refusal = b"\x03alg\x00" + bytes(8) + b"\x00\x00" + b"\x12\x34\x00\x11\x00\x00"
    assert asked.tsig == tsig(b"\x01k\x00", refusal)


@pytest.mark.parametrize(
    ("owner", "name"), [(b"\xc0\x0c", b"\x01a\x00"), (b"\x01k\xc0\x0c", b"\x01k\x01a\x00")]
)
def test_the_name_of_a_key_may_be_compressed(owner: bytes, name: bytes) -> None:
    asked = parse(packet(additional=tsig(owner, TSIG_RDATA), arcount=1))
    whole = parse(packet(additional=tsig(name, TSIG_RDATA), arcount=1))
    assert asked.tsig == whole.tsig


@pytest.mark.parametrize(
    "octets",
    [
        tsig(b"\xc0\x00", TSIG_RDATA),
        tsig(b"\xc0\xff", TSIG_RDATA),
        tsig(b"\x01k" + b"\xc0\x17", TSIG_RDATA),
        tsig(b"\x01k\xc0\x00", TSIG_RDATA),
        tsig(b"\x01k\x00", b"\xc0\x00" + TSIG_RDATA),
        tsig(b"\x01k\x00", TSIG_RDATA[:-1]),
        tsig(b"\x01k\x00", TSIG_RDATA[:14]),
        tsig(b"\x01k\x00", b""),
        tsig(b"\x01k\x00", b"\x03al"),
        tsig(b"\x01k\x00", NAME_255[:-1] + TSIG_RDATA),
    ],
)
def test_tsig_that_cannot_be_echoed(octets: bytes) -> None:
    assert refused(packet(additional=octets, arcount=1)) == (FORMERR, "odd_tsig_place")


def test_tsig_must_be_last() -> None:
    octets = packet(additional=tsig(b"\x01k\x00", TSIG_RDATA) + OPT, arcount=2)
    assert refused(octets) == (FORMERR, "odd_tsig_place")


@given(st.binary(max_size=40))
def test_tsig_with_any_rdata(rdata: bytes) -> None:
    asked = attempt(packet(additional=tsig(b"\x01k\x00", rdata), arcount=1))
    if isinstance(asked, Query):
        assert len(asked.tsig) <= len(tsig(b"\x01k\x00", rdata))
    else:
        assert asked.rcode == FORMERR


@pytest.mark.parametrize(("pointers", "counter"), [(127, ""), (128, "odd_tsig_place")])
def test_a_chain_of_pointers_has_an_end_soon(pointers: int, counter: str) -> None:
    """Each one leads to the one before it, the first to a name that is none but the root."""
    question = b"\x00\x00\x06\x00\x01"
    at = query.HEADER.size + len(question) + 1 + 10
    chain = b"\x00" + b"".join(
        (0xC000 | (at if number == 0 else at + 1 + 2 * (number - 1))).to_bytes(2, "big")
        for number in range(pointers - 1)
    )
    other = b"\x00" + (16).to_bytes(2, "big") + b"\x00\x01" + bytes(4)
    other += len(chain).to_bytes(2, "big") + chain
    owner = (0xC000 | (at + len(chain) - 2)).to_bytes(2, "big")
    rdata = b"\x00" + bytes(8) + b"\x00\x00" + bytes(6)
    signature = owner + b"\x00\xfa\x00\xff" + bytes(4) + len(rdata).to_bytes(2, "big") + rdata
    packet = query.HEADER.pack(1, 0, 1, 0, 0, 2) + question + other + signature
    asked = query.begin(packet)
    try:
        query.parse(packet, asked)
        found = ""
    except query.Malformed as malformed:
        found = malformed.counter
    assert found == counter
    assert bool(asked.tsig) == (not counter)
