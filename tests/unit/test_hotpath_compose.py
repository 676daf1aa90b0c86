"""Composed answers say what finished blocks say, whatever they are composed of."""

from __future__ import annotations

from hypothesis import given

from dnsd.hotpath import blocks, compose
from dnsd.hotpath.body import Body
from dnsd.image.reader import block, flags_of
from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.wire.records import Record, read
from tests.records import records_of
from tests.strategies import Scene, models, scenes, signed
from tests.unit.corezones import image, wire, zone

MADE = frozenset((rr.NS, rr.CNAME, rr.SOA, rr.PTR, rr.MX))


def folded(record: Record) -> Record:
    """Compression may change the spelling of names, also of those inside."""
    owner = names.lower(record.owner)
    rdata = names.lower(record.rdata) if record.rtype in MADE else record.rdata
    return record._replace(owner=owner, rdata=rdata)


def sections(qname: bytes, body: Body) -> tuple[int, list[frozenset[Record]]]:
    """The rcode, and the records of each section; none of them stands there twice.

    Links may: when the query name is on a loop that begins at a wildcard, the first of them.
    """
    message = bytes(12) + qname + bytes(4) + body.octets
    at = 12 + len(qname) + 4
    found = []
    for count in (body.ancount, body.nscount, body.arcount):
        records, at = read(message, at, count)
        once = [record for record in records if record.rtype not in (rr.CNAME, rr.RRSIG, rr.DNAME)]
        assert len(set(once)) == len(once)
        found.append(frozenset(map(folded, records)))
    assert at == len(message)
    assert all(end <= len(body.octets) for end, _ in body.optional)
    return body.rcode, found


def offsets(name: bytes) -> list[int]:
    return [len(name) - len(above) for above in names.ancestors(name)[:-1]]


@given(scenes(models() | signed(models())))
def test_composed_is_as_compiled(scene: Scene) -> None:
    data = records_of(scene.model.zone())
    img = image(data)
    for query in scene.queries:
        qname = wire(query.name.to_text())
        lower = names.lower(qname)
        place, block = blocks.locate(img, lower, offsets(lower), query.rtype, int(query.do))
        if not block or (query.rtype == rr.CNAME and flags_of(img, place.encloser)):
            continue
        pieces = blocks.pieces_for(block, place, lower, offsets(lower))
        compiled = blocks.with_pieces(block, len(qname), pieces)
        composed = compose.answer(img, qname, query.rtype, int(query.do))
        assert sections(qname, composed) == sections(qname, compiled)


def test_optional_records_may_be_dropped_as_before() -> None:
    data = zone(
        "d DNAME e\nx.e MX 1 a\nx.e MX 2 b\na A 192.0.2.1\na AAAA 2001:db8::1\nb A 192.0.2.2"
    )
    img = image(data)
    qname = wire("x.d.example.")
    body = compose.answer(img, qname, rr.MX, 0)
    assert [count for _, count in body.optional] == [0, 1, 2, 3]
    ends = [end for end, _ in body.optional]
    assert ends == sorted(ends)
    assert ends[-1] == len(body.octets)
    for end, count in body.optional:
        cut = Body(0, 0, body.octets[:end], body.ancount, body.nscount, count)
        assert len(sections(qname, cut)[1][2]) == count
    assert block(img, img.nodata[0]).length == 0
