"""The journal of differences: what is left of it is always a beginning, whatever is cut off."""

from __future__ import annotations

import errno
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.errors import MisfitError
from dnsd.versions.difference import ZoneDifference, compare
from dnsd.versions.journal import Journal, JournalLimits
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire.name import from_text
from dnsd.wire.records import Record

APEX = from_text("example.")
LIMITS = JournalLimits()


def version(serial: int) -> ZoneVersion:
    soa = b"\x00\x00" + (serial % (1 << 32)).to_bytes(4, "big") + bytes(16)
    text = bytes((serial % 50,)) + b"x" * (serial % 50)
    return from_records(APEX, [Record(APEX, 6, 60, soa), Record(APEX, 16, 60, text)])


def step(serial: int) -> ZoneDifference:
    return compare(version(serial), version(serial + 1))


def filled(path: Path, serials: range, limits: JournalLimits = LIMITS) -> Journal:
    journal = Journal(path, APEX, limits)
    for serial in serials:
        journal.append(step(serial))
    return journal


def test_a_chain_leads_from_any_serial_to_any_later_one(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = filled(path, range(1, 6))
    for opened in (journal, Journal(path, APEX, LIMITS)):
        assert opened.newest == 6
        for first in range(1, 7):
            for last in range(first, 7):
                assert opened.since(first, last) == [step(one) for one in range(first, last)]
        assert opened.since(3, 2) is None
        assert opened.since(0, 6) is None
        assert opened.since(1, 7) is None


@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_whatever_is_damaged_a_beginning_is_left_and_goes_on(tmp_path: Path, how: str) -> None:
    path = tmp_path / "journal"
    filled(path, range(1, 5))
    whole = path.read_bytes()
    seen = set()
    for at in range(len(whole)):
        damaged = whole[:at]
        if how == "flipped":
            damaged += bytes((whole[at] ^ 1 << at % 8,)) + whole[at + 1 :]
        path.write_bytes(damaged)
        journal = Journal(path, APEX, LIMITS)
        left = len(journal)
        seen.add(left)
        if left:
            assert journal.since(1, left + 1) == [step(one) for one in range(1, left + 1)]
        journal.append(step(left + 1))
        again = Journal(path, APEX, LIMITS)
        assert (again.newest, len(again)) == (left + 2, left + 1)
    assert seen == {0, 1, 2, 3}


def test_what_does_not_follow_in_the_file_is_not_there(tmp_path: Path) -> None:
    path, other = tmp_path / "journal", tmp_path / "other"
    filled(path, range(1, 3))
    filled(other, range(5, 6))
    head = len(b"dnsdjnl\x01") + 1 + len(APEX)
    path.write_bytes(path.read_bytes() + other.read_bytes()[head:])
    assert (Journal(path, APEX, LIMITS).newest, len(Journal(other, APEX, LIMITS))) == (3, 1)


def test_serials_go_round_and_the_way_is_the_shortest(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", APEX, LIMITS)
    third = (1 << 32) // 3
    serials = [0, third, 2 * third, 0, third]
    for old, new in pairwise(serials):
        journal.append(compare(version(old), version(new)))
    assert journal.since(0, third) == [compare(version(0), version(third))]
    assert len(journal.since(2 * third, 0) or ()) == 1


def test_what_does_not_follow_begins_the_journal_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = filled(path, range(1, 4))
    journal.append(step(9))
    assert (len(journal), journal.since(1, 4), journal.since(9, 10)) == (1, None, [step(9)])
    assert Journal(path, from_text("other."), LIMITS).newest is None
    with pytest.raises(MisfitError, match="not newer"):
        journal.append(compare(version(10), version(9)))


@given(st.integers(1, 30), st.integers(60, 2000), st.integers(1, 40))
def test_it_is_never_larger_than_it_may_be(
    tmp_path_factory: pytest.TempPathFactory, differences: int, octets: int, steps: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    limits = JournalLimits(octets, differences)
    journal = Journal(path, APEX, limits)
    for serial in range(1, steps + 1):
        journal.append(step(serial))
        assert path.stat().st_size <= octets
        assert len(journal) <= differences
        first = serial + 1 - len(journal)
        wanted = [step(one) for one in range(first, serial + 1)]
        assert Journal(path, APEX, limits).since(first, serial + 1) == wanted


def test_a_disk_that_refuses_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    journal = filled(path, range(1, 3))
    before = path.read_bytes()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(step(3))
    assert path.read_bytes() == before
    journal.append(step(3))
    assert journal.since(1, 4) == [step(1), step(2), step(3)]


def test_what_is_damaged_while_it_is_open_is_not_handed_out(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = filled(path, range(1, 3))
    octets = bytearray(path.read_bytes())
    octets[-9] ^= 1
    path.write_bytes(octets)
    assert journal.since(1, 3) is None
    path.unlink()
    assert journal.since(1, 2) is None
