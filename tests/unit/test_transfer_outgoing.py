"""Answers to AXFR and IXFR, read by dnspython and by dnsd's own reader."""

from __future__ import annotations

from itertools import pairwise

import dns.message
import dns.name
import dns.rdatatype
import dns.xfr
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.transfer.outgoing import axfr, head_for, ixfr, only_soa
from dnsd.versions._collector import Collector
from dnsd.versions._packer import Packer
from dnsd.versions._wire import collect, skip
from dnsd.versions.difference import apply, compare
from dnsd.versions.journal import Journal, JournalLimits
from dnsd.versions.version import ZoneVersion, from_collector, from_records
from dnsd.wire.name import from_text, lower
from dnsd.wire.records import Record
from dnsd.zone._wellformed import is_well_formed
from tests.unit.test_versions import APEX, chains


def sound(chain: list[ZoneVersion]) -> list[ZoneVersion]:
    """The versions without records whose data is not what their types have: none sends them."""
    return [
        from_records(
            APEX, [one for one in version if one.rtype in (38, 65280) or is_well_formed(*one[1::2])]
        )
        for version in chain
    ]


sound_chains = chains().map(sound)
SPELLINGS = st.sampled_from(("example.", "EXAMPLE.", "eXample."))


def query(rtype: str, name: str = "example.") -> bytes:
    return dns.message.make_query(name, rtype, id=77).to_wire()


def behind(message: bytes) -> tuple[int, int]:
    """Where the answer of ``message`` begins, and how many records it has."""
    head = head_for(message)
    assert message[4:6] == b"\x00\x01"
    assert message[8:12] == bytes(4)
    return len(head), int.from_bytes(message[6:8], "big")


def read(messages: list[bytes]) -> list[list[Record]]:
    """All records, a list for each SOA and what follows it, by dnsd's own reader."""
    runs: list[list[Record]] = []
    collector = Collector(APEX)
    for message in messages:
        at, left = behind(message)
        while left:
            at, left = collect(message, at, left, collector)
            if left:
                runs.append(list(from_collector(collector)))
                collector = Collector(APEX)
    return [*runs, list(from_collector(collector))]


def by_dnspython(messages: list[bytes]) -> list[tuple[bytes, int, int, bytes]]:
    """All records in order; rdata that dnspython cannot read would be no test of names."""
    return [
        (rrset.name.to_wire() or b"", rrset.rdtype, rrset.ttl, rdata.to_wire() or b"")
        for message in messages
        for rrset in dns.message.from_wire(message, one_rr_per_rrset=True).answer
        for rdata in rrset
    ]


@given(sound_chains, st.integers(40, 2000), SPELLINGS)
def test_a_whole_zone_arrives_as_it_is(chain: list[ZoneVersion], limit: int, name: str) -> None:
    version = chain[-1]
    head = head_for(query("AXFR", name))
    messages = list(axfr(version, head, limit))
    first, last = read(messages)
    assert first == list(version)
    for message in messages:
        assert skip(message, *behind(message)) == len(message)
    assert last == [version.soa]
    for message in messages:
        assert message.startswith(head[:6])
        assert len(message) <= limit or behind(message)[1] == 1


@given(sound_chains, st.integers(40, 2000), SPELLINGS)
def test_steps_arrive_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, chain: list[ZoneVersion], limit: int, name: str
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    journal = Journal(path, APEX, JournalLimits())
    steps = [compare(old, new) for old, new in pairwise(chain)]
    for step in steps:
        journal.append(step)
    now = chain[-1]
    head = head_for(query("IXFR", name))
    runs = read(list(ixfr(now, chain[0].serial, journal, head, limit)))
    assert runs[0][0] == runs[-1][0] == now.soa
    if sum(step.size for step in steps) <= len(now.octets):
        made = chain[0]
        for gone, come in zip(runs[1:-1:2], runs[2:-1:2], strict=True):
            removed, added = from_records(APEX, gone), from_records(APEX, come)
            step = compare(removed, removed)
            made = apply(type(step)(APEX, removed.octets, added.octets), made)
        assert made == now
    else:
        assert runs[0] == list(now)
    assert read(list(ixfr(now, now.serial, journal, head))) == [[now.soa]]
    assert read(list(ixfr(now, (now.serial + 1) % (1 << 32), journal, head))) == [[now.soa]]
    assert read(list(only_soa(now, head))) == [[now.soa]]
    elsewhere = Journal(path.with_name("other"), APEX, JournalLimits())
    assert read(list(ixfr(now, chain[0].serial, elsewhere, head)))[0] == list(now)


ZONE = """
$TTL 60
@ SOA ns.example. hostmaster 1 2 3 4 5
@ NS ns
@ NS ns.other.
@ MX 5 mail.example.
a.b A 192.0.2.1
b A 192.0.2.2
c.a.b A 192.0.2.3
d.c.a.b CNAME x.a.b
E.c.A.b TXT "x"
srv SRV 1 2 3 a.b
"""


def test_dnspython_reads_the_same_records_and_names_are_short() -> None:
    origin = dns.name.from_text("example.")
    zone = dns.zone.from_text(ZONE, origin, relativize=False)
    records = [
        Record(name.to_wire() or b"", rdataset.rdtype, 60, rdata.to_wire() or b"")
        for name, node in zone.nodes.items()
        for rdataset in node
        for rdata in rdataset
    ]
    version = from_records(APEX, records)
    (message,) = axfr(version, head_for(query("AXFR")))
    assert by_dnspython([message]) == [*version, version.soa]
    ours = len(message)
    theirs = dns.message.make_response(dns.message.from_wire(query("AXFR")))
    for one in (*version, version.soa):
        name = dns.name.from_wire(one.owner, 0)[0]
        text = dns.rdata.from_wire(
            "IN", dns.rdatatype.RdataType.make(one.rtype), one.rdata, 0, len(one.rdata)
        )
        theirs.answer.append(dns.rrset.from_rdata(name, 60, text))
    # names in data that do not end in the query's are whole
    assert ours <= 1.1 * len(theirs.to_wire())


def test_beyond_what_a_pointer_reaches_names_are_whole() -> None:
    soa = Record(APEX, 6, 60, b"\x00\x00" + bytes(20))
    owners = [from_text(f"h.n{number:04}.example.") for number in range(4000)]
    records = [Record(owner, 16, 60, b"\x03" + owner[3:6]) for owner in owners]
    records += [Record(b"\x01a" + one.owner, 16, 60, b"\x00") for one in records]
    version = from_records(APEX, [soa, *records])
    messages = list(axfr(version, head_for(query("AXFR"))))
    assert by_dnspython(messages) == [*version, soa]
    assert max(map(len, messages)) > 0xFF00


def test_a_record_too_large_for_any_message_is_an_error() -> None:
    soa = Record(APEX, 6, 60, b"\x00\x00" + bytes(20))
    for size, fits in ((65400, True), (65535, False)):
        version = from_records(APEX, [soa, Record(APEX, 65280, 1, bytes(size))])
        messages = axfr(version, head_for(query("AXFR")), 1000)
        if fits:
            assert [behind(message)[1] for message in messages] == [1, 1, 1]
        else:
            with pytest.raises(ValueError, match="fits into no message"):
                list(messages)


def test_a_head_is_a_header_and_a_question() -> None:
    head = head_for(query("AXFR", "eXample."))
    message = dns.message.from_wire(head)
    assert (message.id, message.opcode(), message.rcode()) == (77, 0, 0)
    assert message.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD
    assert message.question[0].name.to_text() == "eXample."
    for wrong in (head[:16], head + bytes(300)):
        with pytest.raises(ValueError, match="a head"):
            Packer(wrong, 100)


# -- what is received --------------------------------------------------------------------------


@given(sound_chains, st.data())
def test_a_message_cut_or_changed_is_an_error_or_other_records(
    chain: list[ZoneVersion], data: st.DataObject
) -> None:
    (message,) = axfr(chain[-1], head_for(query("AXFR")))
    at, count = behind(message)
    cut = data.draw(st.integers(at, len(message) - 1))
    with pytest.raises(ValueError, match=r"name|ends|wrong"):
        skip(message[:cut], at, count)
    place = data.draw(st.integers(at, len(message) - 1))
    changed = message[:place] + data.draw(st.binary(min_size=1, max_size=2)) + message[place + 1 :]
    collector = Collector(APEX)
    try:
        collect(changed, at, count, collector)
    except ValueError:
        return
    for record in from_collector(collector):
        assert lower(record.owner).endswith(APEX)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (b"\xc0\x19" + b"\x00\x06\x00\x01" + bytes(6), "no name"),
        (b"\xc0\xff" + b"\x00\x06\x00\x01" + bytes(6), "no name"),
        (b"\x40" + bytes(70), "no name"),
        (b"\xc0\x0c\x00\x06\x00\x03" + bytes(6), "class IN"),
        (b"\xc0\x0c\x00\x06\x00\x01" + bytes(4) + b"\x00\x09", "ends in the data"),
        (b"\xc0\x0c\x00\x06\x00\x01" + bytes(4) + b"\x00\x02\xc0\x0c", "type 6 is wrong"),
        (b"\xc0\x0c\x00\x01\x00\x01" + bytes(4) + b"\x00\x00", "no SOA"),
        (b"\xc0\x14\x00\x06\x00\x01" + bytes(4) + b"\x00\x16" + bytes(22), "in the zone"),
    ],
)
def test_what_is_wrong_in_a_message_is_told(record: bytes, why: str) -> None:
    head = head_for(query("AXFR"))
    with pytest.raises(ValueError, match=why):
        collect(head + record, len(head), 1, Collector(APEX))
    if why in ("no name", "ends in the data"):
        with pytest.raises(ValueError, match=why):
            skip(head + record, len(head), 1)
