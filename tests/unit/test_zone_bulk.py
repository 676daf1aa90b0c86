"""The table of plain names: with and without it a zone is the same, and so are its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.hotpath import Client, Settings, Transport
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.wire import name as names
from dnsd.zone import bulk
from dnsd.zone.limits import Limits
from dnsd.zone.load import LoadResult, load_text

if TYPE_CHECKING:
    from dnsd.zone.records import Zone

pytestmark = pytest.mark.skipif(bulk.Bulk is None, reason="built without a C compiler")

HEAD = """\
$TTL 300
@ SOA ns host 1 3600 600 864000 60
@ NS ns
ns A 192.0.2.1
"""

OWNERS = (
    "h",
    "H",
    "h.a",
    "b.a",
    "a",
    "sub",
    "x.sub",
    "ns",
    "www",
    "*.w",
    "x.w",
    "@",
    "",
    "deep.e.f",
)
LINES = (
    "A 192.0.2.7",
    "300 IN A 192.0.2.8",
    "60 A 192.0.2.7",
    "in AAAA 2001:db8::7",
    'TXT "some text; not a comment"',
    "TXT word",
    "A 192.0.2.300",
    "AAAA ::ffff:192.0.2.1 ; comment",
    "CNAME h",
    "NS x.sub",
    "MX 10 h.a",
    "DNAME h",
    "A 192.0.2.9 extra",
    "A 192.0.2.9\0",
    "A 192.0.2.9;",
    "1h A 192.0.2.10",
    "TYPE1 \\# 4 c0000207",
)
DIRECTIVES = ("\n", "; comment\n", "$TTL 60\n", "$ORIGIN a\n", "$ORIGIN example.\n")
QUESTIONS = (
    "h",
    "H.A",
    "a",
    "q.a",
    "e.f",
    "f",
    "deep.e.f",
    "x.sub",
    "sub",
    "www",
    "x.w",
    "y.w",
    "no",
)

records = st.builds("{} {}\n".format, st.sampled_from(OWNERS), st.sampled_from(LINES))
texts = st.lists(
    records | st.sampled_from(DIRECTIVES),
    max_size=25,
).map(lambda lines: HEAD + "".join(lines))


@pytest.fixture(params=["table", "objects"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "FROM_OCTETS", 0 if request.param == "table" else 1 << 40)


def both(text: str, limits: Limits = Limits()) -> tuple[LoadResult, LoadResult]:  # noqa: B008
    """Load ``text`` with the table and without."""
    usual = bulk.FROM_OCTETS
    results = []
    for octets in (0, 1 << 40):
        bulk.FROM_OCTETS = octets
        results.append(load_text("example.", text, "zone", limits, now=0.0))
    bulk.FROM_OCTETS = usual
    return results[0], results[1]


def contents(zone: Zone) -> dict[bytes, dict[int, tuple[int, tuple[bytes, ...], bytes, int]]]:
    owners = set(zone.nodes) | set(zone.bulk or ())
    return {
        owner: {t: (r.ttl, r.rdatas, r.owner, r.line) for t, r in zone.at(owner).items()}
        for owner in owners
    }


def answers(zone: Zone) -> list[bytes | None]:
    image = Image(compiler.build(zone))
    path = hotpath.make(Settings(), counters.fresh())
    path.put_zone(image.apex, image)
    client = Client(Transport.TCP, "192.0.2.1")
    found = []
    for question in QUESTIONS:
        for rtype in (1, 2, 5, 15, 16, 28, 255):
            qname = names.from_text(f"{question}.example.")
            packet = b"\0\1\0\0\0\1\0\0\0\0\0\0" + qname + rtype.to_bytes(2, "big") + b"\0\1"
            found.append(path.answer(packet, 0.0, client))
    return found


@given(texts)
def test_same_zone_same_findings_same_answers(text: str) -> None:
    table, objects = both(text)
    assert table.findings == objects.findings
    assert (table.zone is None) == (objects.zone is None)
    assert table.records == objects.records
    if table.zone and objects.zone:
        assert contents(table.zone) == contents(objects.zone)
        assert answers(table.zone) == answers(objects.zone)


@given(st.binary(max_size=200))
def test_arbitrary_octets(octets: bytes) -> None:
    text = HEAD + octets.decode("latin-1") + "\nz A 192.0.2.1\n"
    table, objects = both(text)
    assert table.findings == objects.findings


@pytest.mark.parametrize(
    "ttl", ["0", "2147483647", "2147483648", "0000000005", "00000000005", "00002147483647"]
)
def test_the_same_is_a_ttl(ttl: str) -> None:
    table, objects = both(f"{HEAD}h {ttl} A 192.0.2.1\n")
    assert table.findings == objects.findings
    assert table.records == objects.records


def test_plain_names_are_in_the_table() -> None:
    table, _ = both(HEAD + "a A 192.0.2.1\nb.c AAAA 2001:db8::1\nm MX 10 a\n")
    assert table.zone
    assert table.zone.bulk is not None
    assert sorted(table.zone.bulk) == sorted(
        names.from_text(name) for name in ("a.example.", "b.c.example.", "ns.example.")
    )


def test_many_records_of_one_name() -> None:
    lines = "".join(f"many A 10.0.{i >> 8}.{i & 255}\n" for i in range(300))
    table, objects = both(HEAD + lines)
    assert table.zone
    assert objects.zone
    assert contents(table.zone) == contents(objects.zone)


def test_limits_are_kept() -> None:
    lines = "".join(f"h{i} A 10.0.{i >> 8}.{i & 255}\n" for i in range(50))
    table, objects = both(HEAD + lines, Limits(records=20))
    assert table.findings == objects.findings
    assert any(finding.code == "too-many-records" for finding in table.findings)


def test_a_signed_zone_keeps_nothing_in_the_table() -> None:
    table, _ = both(HEAD + "a A 192.0.2.1\n@ DNSKEY 256 3 15 AAAA\n")
    zone = table.zone
    assert zone is None or zone.bulk is None


@pytest.mark.usefixtures("road")
def test_hash_table_with_many_names() -> None:
    lines = "".join(f"h{i} A 10.0.{i >> 8}.{i & 255}\n" for i in range(5000))
    zone = load_text("example.", HEAD + lines).zone
    assert zone
    image = Image(compiler.build(zone))
    path = hotpath.make(Settings(), counters.fresh())
    path.put_zone(image.apex, image)
    for i in range(5000):
        qname = names.from_text(f"h{i}.example.")
        packet = b"\0\1\0\0\0\1\0\0\0\0\0\0" + qname + b"\0\1\0\1"
        response = path.answer(packet, 0.0, Client(Transport.UDP, "192.0.2.1"))
        assert response
        assert response.endswith(bytes((10, 0, i >> 8, i & 255)))
