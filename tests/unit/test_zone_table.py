"""The native table of records: with and without it a zone is the same, and what is said of it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from dnsd import compile as compiler
from dnsd.build.contents import contents_of
from dnsd.config.limits import Limits
from dnsd.wire.name import from_text
from dnsd.zone import gather, table
from dnsd.zone.load import LoadResult, load_text
from dnsd.zone.records import RRset
from dnsd.zone.structure import Structure
from tests.parity.sections import NOW
from tests.strategies import crowded, models, signed

if TYPE_CHECKING:
    from dnsd.caches.listing import Contents
    from dnsd.zone.records import Zone
    from tests.model import Model

pytestmark = pytest.mark.skipif(table.Table is None, reason="built without a C compiler")

HEAD = "$TTL 300\n@ SOA ns host 1 3600 600 864000 60\n@ NS ns\nns A 192.0.2.1\n"
LIMITS = Limits()
NAMES = (
    "h",
    "H",
    "h.a",
    "a",
    "sub",
    "x.sub",
    "y.x.sub",
    "ns",
    "*.w",
    "x.w",
    "e.f",
    "@",
    "d",
    "x.d",
)
ELSEWHERE = ("example.", "other.", "a.example.example.", "1.2.3.4.example.", ".", "q.w", "z.d")
TARGETS = (*NAMES, *ELSEWHERE)
HASH = "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM"
LINES = (
    *("A 192.0.2.7", "60 A 192.0.2.7", "A 192.0.2.8", "AAAA 2001:db8::7", "TXT word", "TXT w x"),
    *("DS 1 13 2 " + "00" * 32, "CAA 0 issue x", "KEY 256 3 13 AQID", "TYPE700 \\# 0"),
    *("NSEC h.example. A", "NSEC3PARAM 1 0 0 -", f"NSEC3 1 0 0 - {HASH} A", "DNSKEY 256 3 15 AAAA"),
    *(f"NSEC3 1 0 {number} - {HASH} A" for number in (50, 51, 151)),
    "NSEC3 2 0 0 - 00 A",
    *(f"RRSIG {kind} 13 1 1 2030010100000{n} 1 1 {signer} AAAA" for kind, n, signer in (
        ("A", 0, "example."), ("A", 1, "Example."), ("MX", 2, "other."), ("NSEC", 3, "example."))),
    "SVCB 0 t port=1",
    "HTTPS 1 . port=1",
)  # fmt: skip
POINTING = (
    "NS {}",
    "MX 1 {}",
    "MX 1 {}",
    "CNAME {}",
    "CNAME {}",
    "DNAME {}",
    "SRV 0 0 1 {}",
    "PTR {}",
)

data = st.sampled_from(LINES) | st.builds(
    str.format, st.sampled_from(POINTING), st.sampled_from(TARGETS)
)
records = st.builds("{} {}\n".format, st.sampled_from((*NAMES, "", "")), data)
directives = st.sampled_from(("\n", "$TTL 60\n", "$ORIGIN a\n", "$ORIGIN example.\n"))
texts = st.lists(records | directives, max_size=25).map("".join)


def both(
    text: str,
    limits: Limits = LIMITS,
    origin: str = "example.",
    now: float = 0.0,
) -> tuple[LoadResult, LoadResult]:
    """Load ``text`` with the table and without."""
    native = load_text(origin, text, "zone", limits, now=now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "Table", None)
        return native, load_text(origin, text, "zone", limits, now=now)


def whole(zone: Zone) -> Contents:
    """What is known of a zone without a list of its RRsets; two of its names have pools."""
    pools = [(from_text("h.example."), 5), (from_text("h.a.example."), 15)]
    return replace(contents_of(zone, pools, 0)[0], digest="")


def shape(zone: Zone) -> list[set[bytes]]:
    it = Structure(zone)
    return [set(s) for s in (it.cuts, it.dnames, it.occluded, it.ents, it.names, it.hashed)]


def check(text: str, limits: Limits = LIMITS, **given: object) -> None:
    native, objects = both(text, limits, **given)  # type: ignore[arg-type]
    assert native.findings == objects.findings
    assert native.records == objects.records
    assert (native.zone is None) == (objects.zone is None)
    if native.zone and objects.zone:
        assert list(native.zone.nodes.items()) == list(objects.zone.nodes.items())
        assert list(native.zone.signatures.items()) == list(objects.zone.signatures.items())
        assert shape(native.zone) == shape(objects.zone)
        assert whole(native.zone) == whole(objects.zone)
        assert compiler.build(native.zone, key=bytes(16)) == compiler.build(
            objects.zone, key=bytes(16)
        )


@given(texts)
@example("h PTR h\nh NS h\n")
@example("d DNAME x\nc CNAME x\n")
def test_the_same_zone_and_findings(text: str) -> None:
    check(HEAD + text)


@given(
    st.lists(
        st.text("aZ09-_*{@", min_size=1, max_size=4).map(
            lambda one: f"\\{one}" if one[0] in "@" else one
        ),
        min_size=1,
        max_size=3,
    ).map(".".join)
)
@example("*.a")
@example("a.*")
def test_what_is_no_host_name(name: str) -> None:
    check(HEAD + "".join(f"{name} A 192.0.2.1\nh {data} {name}\n" for data in ("MX 1", "NS")))


@given(st.sampled_from(("2.0.192.in-addr.arpa.", ".")), texts)
@example(".", f"@ NSEC3 1 0 0 - {HASH} A\n")
def test_the_same_in_a_reverse_zone_and_the_root(origin: str, text: str) -> None:
    check(HEAD + text, origin=origin)


@given(models() | crowded() | signed(models()), st.data())
def test_zones_that_lack_something(model: Model, draws: st.DataObject) -> None:
    """Chains are broken, signatures miss their records, and the other way round."""
    lines = model.text().splitlines(keepends=True)
    left = draws.draw(st.sets(st.integers(0, len(lines) - 1), max_size=2))
    text = "".join(line for number, line in enumerate(lines) if number not in left)
    later = draws.draw(st.sampled_from((0, 0, 0, 10**9, -(10**9))))
    check(text, origin=str(model.origin), now=NOW + later)


@pytest.mark.parametrize("number", [32, 33, 34, 64, 200])
def test_many_of_one(number: int) -> None:
    """What is looked for in another way when there are many: records of a set, sets of a name."""
    records = [f"many A 10.0.{i >> 8}.{i & 255}\n" for i in range(number)]
    names = [f"many NS n{i}\nmany NS N{i}\n" for i in range(number)]
    sets = [f"sets TYPE{700 + i} \\# 1 00\n" for i in range(number)]
    signatures = [f"sets RRSIG TYPE{700 + i} 13 1 1 1 1 1 @ AAAA\n" for i in range(number)]
    lines = 2 * [*records, *names, *sets, *signatures]
    Random(number).shuffle(lines)
    check(HEAD + "".join(lines))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=60))
def test_limits_are_kept(pairs: list[tuple[str, int]]) -> None:
    lines = "".join(f"{owner} A 10.0.0.{number}\n{owner} TXT {number}\n" for owner, number in pairs)
    check(HEAD + lines, Limits(records=50, records_per_rrset=10, records_per_name=15))


@given(st.sampled_from((60, 299, 300, 301)), texts)
def test_the_longest_ttl(longest: int, text: str) -> None:
    check(HEAD + text, Limits(longest_ttl=longest))


def test_a_zone_with_other_rrsets_leaves_the_first_as_it_is() -> None:
    text = HEAD + "h A 192.0.2.1\nh A 192.0.2.2\nH RRSIG A 13 2 1 1 1 1 @ AAAA\nh TXT t\n"
    for result in both(text):
        zone, owner = result.zone, from_text("h.example.")
        assert zone is not None
        before = compiler.build(zone, key=bytes(16))
        address = RRset(owner, 1, 5, (bytes(4),), "zone", 5)
        signature = RRset(from_text("H.example."), 46, 5, (b"\0\1" + bytes(30),), "zone", 7)
        changed = zone.replaced([address, signature])
        assert changed.at(owner)[1] == address
        assert changed.at(owner)[16] == zone.at(owner)[16]
        assert changed.signatures[owner] == {1: signature}
        assert compiler.build(changed, key=bytes(16)) != before
        assert compiler.build(zone, key=bytes(16)) == before
        with pytest.raises(KeyError):
            zone.replaced([RRset(owner, 28, 5, (bytes(16),))])


def test_hash_table_with_many_names() -> None:
    lines = "".join(f"h{i} A 10.0.{i >> 8}.{i & 255}\n" for i in range(5000))
    zone = load_text("example.", HEAD + lines).zone
    assert zone
    for i in range(5000):
        (rrset,) = zone.nodes[from_text(f"h{i}.example.")].values()
        assert rrset.rdatas == (bytes((10, 0, i >> 8, i & 255)),)
    assert len(zone.nodes) == 5002
