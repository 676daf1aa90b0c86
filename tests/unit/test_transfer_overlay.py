"""Updates beside a file that is edited, too: neither is lost, and serials never go back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.transfer.overlay import VersionLookup, difference_of, rebased
from dnsd.transfer.update import TimedSet, UpdateEffect
from dnsd.versions.difference import apply
from dnsd.versions.serial import is_newer
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire.name import from_text, lower
from dnsd.wire.rdata import canonical
from dnsd.wire.records import Record

APEX = from_text("example.")
OWNERS = [from_text(f"{name}example.") for name in ("", "a.", "B.", "b.a.")]
A, CNAME, SOA, TXT = 1, 5, 6, 16

contents = (
    st.tuples(st.just(A), st.sampled_from((b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02")))
    | st.tuples(st.just(CNAME), st.sampled_from(OWNERS))
    | st.tuples(st.just(TXT), st.sampled_from((b"\x01x", b"\x01X")))
)
rows = st.builds(
    lambda owner, content, ttl: Record(owner, content[0], ttl, content[1]),
    st.sampled_from(OWNERS),
    contents,
    st.sampled_from((60, 300)),
)


def soa(serial: int) -> Record:
    return Record(APEX, SOA, 60, APEX * 2 + serial.to_bytes(4, "big") + bytes(16))


def key(one: Record) -> tuple[bytes, int, bytes]:
    return lower(one.owner), one.rtype, canonical(one.rtype, one.rdata)


def keys(version: ZoneVersion) -> set[tuple[bytes, int, bytes]]:
    return {key(one) for one in version if one.rtype != SOA}


def make(serial: int, found: list[Record]) -> ZoneVersion:
    """A zone of the records ``found``, each once; a CNAME stands alone, an RRset has one TTL."""
    ttls = {(lower(one.owner), one.rtype): one.ttl for one in found}
    found = [one._replace(ttl=ttls[lower(one.owner), one.rtype]) for one in found]
    aliases = {lower(one.owner): one for one in found if one.rtype == CNAME and one.owner != APEX}
    others = (one for one in found if one.rtype != CNAME)
    one_each = {key(one): one for one in others if lower(one.owner) not in aliases}
    return from_records(APEX, [soa(serial), *one_each.values(), *aliases.values()])


serials = st.integers(1, 5) | st.just((1 << 32) - 1)
versions = st.builds(make, serials, st.lists(rows, max_size=6))


@given(versions)
def test_a_version_is_looked_at_by_name(version: ZoneVersion) -> None:
    looked = VersionLookup(version)
    found = {
        (lower(owner), rtype, canonical(rtype, rdata))
        for owner in map(lower, OWNERS)
        for rtype, held in looked.at(owner).items()
        for rdata in held.rdatas
    }
    assert found == {key(one) for one in version}
    assert looked.at(from_text("no.example.")) == {}


@given(versions, st.dictionaries(st.sampled_from(OWNERS[1:]), st.lists(contents, max_size=3)))
def test_an_edit_becomes_a_difference(
    version: ZoneVersion, wanted: dict[bytes, list[tuple[int, bytes]]]
) -> None:
    edit = UpdateEffect({APEX: dict(VersionLookup(version).at(APEX))})
    edit.after[APEX][SOA] = TimedSet(60, (soa(9).rdata,))
    expected = {one for one in keys(version) if one[0] not in map(lower, wanted)}
    for owner, found in wanted.items():
        one_each = {(rtype, canonical(rtype, rdata)): rdata for rtype, rdata in found}
        types = edit.after.setdefault(lower(owner), {})
        for (rtype, folded), rdata in one_each.items():
            before = types.get(rtype, TimedSet(60, ())).rdatas
            types[rtype] = TimedSet(60, (*before, rdata))
            expected.add((lower(owner), rtype, folded))
        edit.spelt[lower(owner)] = owner
    done = apply(difference_of(edit, version), version)
    assert done.serial == 9
    assert keys(done) == expected
    names = {lower(owner) for owner in wanted}
    assert all(one.ttl == 60 for one in done if lower(one.owner) in names)


@given(versions, versions)
def test_without_an_edit_of_the_file_nothing_changes(
    base: ZoneVersion, served: ZoneVersion
) -> None:
    again = rebased(base, served, base)
    assert again.body == served.body
    assert again.serial == (base.serial if is_newer(base.serial, served.serial) else served.serial)


@given(versions, versions)
def test_without_updates_the_file_is_served(base: ZoneVersion, edited: ZoneVersion) -> None:
    assert rebased(base, base, edited).body == edited.body


@given(versions, versions, versions)
def test_edits_and_updates_are_both_kept(
    base: ZoneVersion, served: ZoneVersion, edited: ZoneVersion
) -> None:
    found = keys(rebased(base, served, edited))
    updated, file = keys(served) - keys(base), keys(edited)
    assert found <= file | updated
    removed = keys(base) - keys(served)
    assert not found & removed, "what an update has removed does not come back"
    assert file - removed <= found
    taken_away = (keys(base) & keys(served)) - file
    assert not found & taken_away, "also where an update has changed its TTL"
    aliases = {owner for owner, rtype, _ in found if rtype == CNAME}
    assert all(sum(one[0] == owner for one in found) == 1 for owner in aliases)
    alone = {owner for owner, rtype, _ in file - removed if rtype == CNAME}
    for owner, rtype, data in updated - found:
        others = {one for one in file - removed if one[0] == owner}
        assert owner in alone or (rtype == CNAME and others), (owner, rtype, data)


@given(versions, versions, versions)
def test_what_was_begun_is_finished_alike(
    base: ZoneVersion, served: ZoneVersion, edited: ZoneVersion
) -> None:
    done = rebased(base, served, edited)
    # the served version is written before the file's: ended in between, it is done again
    assert rebased(base, done, edited).body == done.body
    assert rebased(edited, done, edited) == done


@given(versions, versions, versions)
def test_an_rrset_has_one_ttl(base: ZoneVersion, served: ZoneVersion, edited: ZoneVersion) -> None:
    ttls: dict[tuple[bytes, int], set[int]] = {}
    for one in rebased(base, served, edited):
        ttls.setdefault((lower(one.owner), one.rtype), set()).add(one.ttl)
    assert all(len(found) == 1 for found in ttls.values()), ttls


@pytest.mark.parametrize(
    ("base", "served", "edited", "done"), [(300, 60, 300, 60), (300, 300, 600, 600)]
)
def test_the_ttl_is_the_updates_where_they_have_changed_it(
    base: int, served: int, edited: int, done: int
) -> None:
    first, second, third = (
        Record(OWNERS[1], A, 0, b"\xc0\x00\x02" + bytes((number,))) for number in (1, 2, 3)
    )
    versions = [
        make(1, [one._replace(ttl=ttl) for one in found])
        for found, ttl in (
            ((first,), base),
            ((first, second), served),
            ((first, third), edited),
        )
    ]
    assert {one.ttl for one in rebased(*versions) if one.rtype == A} == {done}


@given(versions, versions, versions)
def test_serials_never_go_back(base: ZoneVersion, served: ZoneVersion, edited: ZoneVersion) -> None:
    done = rebased(base, served, edited)
    if done.serial == served.serial:
        assert done.body == served.body
    else:
        assert is_newer(done.serial, served.serial)


def test_an_edit_of_no_more_than_a_ttl_is_a_difference() -> None:
    record = Record(OWNERS[1], A, 300, b"\xc0\x00\x02\x01")
    version = make(1, [record])
    edit = UpdateEffect({APEX: {SOA: TimedSet(60, (soa(2).rdata,))}})
    edit.after[OWNERS[1]] = {A: TimedSet(60, (record.rdata,))}
    assert [one.ttl for one in apply(difference_of(edit, version), version)] == [60, 60]
