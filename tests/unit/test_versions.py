"""Versions as octets, against dnspython's records: order, files, differences."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import dns.name
import dns.rdata
import dns.rdataclass
import pytest
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from dnsd.errors import MisfitError, VersionError
from dnsd.versions import recordfile
from dnsd.versions._collector import Collector
from dnsd.versions._stored import store
from dnsd.versions.difference import ZoneDifference, apply, compare, condense
from dnsd.versions.marks import is_record_file
from dnsd.versions.serial import following, is_newer
from dnsd.versions.version import ZoneVersion, from_records, from_stored
from dnsd.wire.name import from_text, lower
from dnsd.wire.rdata import canonical
from dnsd.wire.records import Record

APEX = from_text("example.")
MOST = 1 << 32

names = st.lists(
    st.sampled_from((b"a", b"A", b"b", b"ab", b"*", b"\x00", b"\x01", b"\xff", b"z" * 20)),
    max_size=4,
).map(lambda labels: b"".join(bytes((len(one),)) + one for one in labels) + APEX)
texts = st.sampled_from((b"\x01a", b"\x01A", b"\x01b", b"\x02ab", b"\x00"))
contents = (
    st.tuples(st.just(1), st.binary(min_size=4, max_size=4))
    | st.tuples(st.just(2), names)
    | st.tuples(st.just(15), names.map(lambda name: b"\x00\x05" + name))
    | st.tuples(st.just(16), texts)
    | st.tuples(st.just(35), names.map(lambda name: b"\x00\x01\x00\x02\x01s\x00\x00" + name))
    | st.tuples(st.sampled_from((2, 33, 38, 46, 65280)), st.binary(max_size=24))
)
records = st.builds(
    lambda owner, content, ttl: Record(owner, content[0], ttl, content[1]),
    names,
    contents,
    st.sampled_from((0, 60, 3600, 0x7FFFFFFF)),
)
serials = st.sampled_from((1, 2, 77, MOST - 1, 1 << 31)) | st.integers(0, MOST - 1)


def soa(serial: int) -> Record:
    rdata = b"\x02ns" + APEX + b"\x01h" + APEX + serial.to_bytes(4, "big") + bytes(16)
    return Record(APEX, 6, 3600, rdata)


@st.composite
def zones(draw: st.DrawFn) -> list[Record]:
    """Records of a zone, none twice, in any order."""
    found = {identity(one): one for one in draw(st.lists(records, max_size=12))}
    return draw(st.permutations([soa(draw(serials)), *found.values()]))


@st.composite
def chains(draw: st.DrawFn) -> list[ZoneVersion]:
    """Versions of a zone, each with something in common with the one before."""
    made, serial = [draw(zones())], draw(serials)
    made[0] = [soa(serial) if one.rtype == 6 else one for one in made[0]]
    for _ in range(draw(st.integers(1, 4))):
        kept = [one for one in made[-1] if one.rtype != 6 and draw(st.booleans())]
        more = [one for one in draw(zones()) if one.rtype != 6]
        both = {identity(one): one for one in (*kept, *more)}
        serial = following(serial)
        made.append([soa(serial), *both.values()])
    return [from_records(APEX, one) for one in made]


def identity(record: Record) -> tuple[bytes, int, bytes]:
    """What makes two records one, said in Python."""
    return lower(record.owner), record.rtype, canonical(record.rtype, record.rdata)


def in_order(found: list[Record]) -> list[Record]:
    """The oracle: dnspython's order of names, the SOA first."""

    def key(record: Record) -> tuple[bool, dns.name.Name, int, bytes]:
        name = dns.name.from_wire(record.owner, 0)[0]
        return record.rtype != 6, name, record.rtype, canonical(record.rtype, record.rdata)

    return sorted(found, key=key)


@given(zones())
def test_a_version_has_the_records_it_is_made_of_in_canonical_order(found: list[Record]) -> None:
    version = from_records(APEX, found)
    assert list(version) == in_order(found)
    assert version.count == len(found)
    assert version.octets == b"".join(store(*one) for one in in_order(found))
    assert from_stored(APEX, version.octets) == version


@given(zones(), st.data())
def test_of_records_that_are_the_same_the_first_stays(
    found: list[Record], data: st.DataObject
) -> None:
    others = [one for one in found if one.rtype != 6]
    again = data.draw(st.lists(st.sampled_from(others))) if others else []
    twice = [Record(one.owner.upper(), one.rtype, 5, one.rdata) for one in again]
    assert from_records(APEX, [*found, *twice]) == from_records(APEX, found)


@pytest.mark.parametrize(
    "wrong",
    [
        Record(from_text("sub.example."), 6, 1, soa(1).rdata),
        Record(APEX, 6, 1, soa(2).rdata),
        Record(from_text("example.net."), 1, 1, bytes(4)),
        Record(from_text("badexample."), 1, 1, bytes(4)),
    ],
)
def test_what_is_not_of_the_zone_is_refused(wrong: Record) -> None:
    with pytest.raises(VersionError):
        from_records(APEX, [soa(1), wrong])


@pytest.mark.parametrize(
    "owner", [b"", b"\x01a", b"\x40" + b"a" * 64 + APEX, (b"\x3f" + b"a" * 63) * 4 + APEX]
)
def test_what_is_no_name_is_no_owner(owner: bytes) -> None:
    with pytest.raises(ValueError, match="owner must be one"):
        Collector(APEX).add(owner, 1, 1, bytes(4))


def test_a_version_needs_its_soa() -> None:
    with pytest.raises(VersionError, match="no record"):
        from_records(APEX, [])
    with pytest.raises(VersionError, match="not the only SOA"):
        from_records(APEX, [Record(APEX, 1, 1, bytes(4))])


@given(chains(), st.data())
def test_octets_out_of_order_or_cut_are_no_version(
    chain: list[ZoneVersion], data: st.DataObject
) -> None:
    version = chain[-1]
    found = [store(*one) for one in version]
    if len(found) > 2:
        one, other = sorted(data.draw(st.permutations(range(1, len(found))))[:2])
        found[one], found[other] = found[other], found[one]
        with pytest.raises(VersionError, match="out of order"):
            from_stored(APEX, b"".join(found))
    cut = data.draw(st.integers(0, len(version.octets) - 1))
    with suppress(VersionError):
        assert from_stored(APEX, version.octets[:cut]).count < version.count


@given(chains())
def test_a_difference_makes_the_new_version_of_the_old_one(chain: list[ZoneVersion]) -> None:
    old, new = chain[0], chain[-1]
    difference = compare(old, new)
    assert (difference.before, difference.after) == (old.serial, new.serial)
    made = apply(difference, old)
    assert made == new
    assert made.count == new.count
    gone = list(from_stored(APEX, difference.removed))
    assert [one for one in in_order(list(old)) if one not in set(new)] == gone[gone[0] in new :]


@given(chains())
def test_differences_condense_to_one_that_does_the_same(chain: list[ZoneVersion]) -> None:
    steps = [compare(old, new) for old, new in pairwise(chain)]
    assert condense(steps) == compare(chain[0], chain[-1])


@given(chains(), records)
def test_a_difference_that_does_not_fit_is_refused(chain: list[ZoneVersion], odd: Record) -> None:
    old, new = chain[0], chain[1]
    difference = compare(old, new)
    has = {identity(one) for one in old}
    changed = {identity(one) for one in from_stored(APEX, difference.removed)}
    changed |= {identity(one) for one in from_stored(APEX, difference.added)}
    if identity(odd) in changed:
        return
    alone = from_records(APEX, [new.soa, odd])
    first = bytes(compare(old, old).removed)
    if identity(odd) in has:
        wrong = ZoneDifference(APEX, first, alone.octets)
    else:
        wrong = ZoneDifference(APEX, first + bytes(alone.body), compare(new, new).added)
    with pytest.raises(MisfitError, match="to be"):
        apply(wrong, old)
    with pytest.raises(MisfitError, match="serial"):
        apply(ZoneDifference(APEX, new.octets, old.octets), old)


def test_condensing_refuses_what_does_not_follow() -> None:
    one, other = from_records(APEX, [soa(1)]), from_records(APEX, [soa(2)])
    more = from_records(APEX, [soa(3), Record(APEX, 1, 1, bytes(4))])
    with pytest.raises(MisfitError, match="cannot follow"):
        condense([compare(one, other), compare(one, other)])
    added = compare(other, more)
    again = ZoneDifference(APEX, compare(more, more).removed[: len(one.octets)], added.added)
    with pytest.raises(MisfitError, match="there already"):
        condense([added, again])
    gone = compare(more, other)
    with pytest.raises(MisfitError, match="not there"):
        condense([gone, ZoneDifference(APEX, bytes(other.octets) + bytes(more.body), other.octets)])


@given(zones())
def test_a_record_file_gives_back_the_version(
    tmp_path_factory: pytest.TempPathFactory, found: list[Record]
) -> None:
    path = tmp_path_factory.mktemp("records") / "zone"
    version = from_records(APEX, found)
    recordfile.write(path, version)
    assert is_record_file(path.read_bytes())
    assert recordfile.read(path) == version
    assert recordfile.read(path).apex == APEX


def test_a_damaged_record_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    recordfile.write(path, from_records(APEX, [soa(7), Record(APEX, 1, 1, bytes(4))]))
    whole = path.read_bytes()
    for cut in range(len(whole)):
        with pytest.raises(VersionError):
            recordfile.parse(whole[:cut], "zone")
    for at in range(len(whole)):
        flipped = whole[:at] + bytes((whole[at] ^ 4,)) + whole[at + 1 :]
        with pytest.raises(VersionError):
            recordfile.parse(flipped, "zone")
    path.write_bytes(b"")
    with pytest.raises(VersionError):
        recordfile.read(path)


@given(serials, serials)
def test_serials_go_round(one: int, other: int) -> None:
    assert is_newer(following(one), one)
    assert not (is_newer(one, other) and is_newer(other, one))
    if abs(one - other) != 1 << 31:
        assert is_newer(one, other) or is_newer(other, one) or one == other
    assert following(one) != 0


@given(st.sampled_from([*range(1, 52), 65280]), names, st.binary(max_size=30))
def test_canonical_data_is_that_of_dnspython(rtype: int, name: bytes, rest: bytes) -> None:
    for rdata in (name, rest, name + rest, rest + name, b"\x00\x01" + name, name + name + rest):
        try:
            parsed = dns.rdata.from_wire(
                dns.rdataclass.IN, RdataType.make(rtype), rdata, 0, len(rdata)
            )
            wanted = parsed.to_digestable()
        except Exception:
            continue
        if parsed.to_wire() == rdata:
            assert canonical(rtype, rdata) == wanted
            one, other = Collector(APEX), Collector(APEX)
            one.add(APEX, rtype, 1, rdata)
            one.add(APEX, rtype, 1, wanted)
            other.add(APEX, rtype, 1, rdata)
            if rtype != 6:
                assert one.stored() == other.stored()
