"""The ledger: bounds only grow, however they are merged, carried to others or to disk."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.caches.ledger import Ledger, negative_ttl
from dnsd.caches.report import NEVER, WEEK_S, NodeReport, Use
from dnsd.caches.version import (
    Version,
    about_name,
    about_target,
    everything,
    gap,
    nothing,
    rrset,
)
from dnsd.errors import StateError
from tests.ledgers import restored

A1 = ipaddress.ip_address("192.0.2.10").packed
A2 = ipaddress.ip_address("192.0.2.11").packed
AAAA = ipaddress.ip_address("2001:db8::10").packed
WWW = rrset("www.example.com.", "A", [A1])
BOTH = rrset("www.example.com.", "A", [A2, A1])
ZONE = everything("example.com.")

versions = st.sampled_from([WWW, BOTH, ZONE, nothing("x.example.com.", "A")])
notes = st.lists(st.tuples(versions, st.integers(0, 500), st.integers(0, 300)), max_size=12)


def ledger_of(given_out: list[tuple[Version, int, int]]) -> Ledger:
    ledger = Ledger("a", 0.0)
    for version, now, ttl in given_out:
        ledger.note(version, now, ttl)
    return ledger


@given(notes, notes)
def test_it_does_not_matter_in_which_order_what_was_given_out_is_noted(
    x: list[tuple[Version, int, int]], y: list[tuple[Version, int, int]]
) -> None:
    once = ledger_of(x + y).report(600.0)
    assert ledger_of(y + x).report(600.0) == once
    assert ledger_of(x + y + x).report(600.0) == once


@given(st.lists(st.tuples(st.sampled_from("nhmdrs"), st.integers(0, 20), st.integers(0, 99))))
def test_a_bound_never_falls_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    ledger, now = Ledger("a", 0.0), 0.0
    for what, seconds, ttl in steps:
        now += seconds
        before = ledger.bound(WWW)
        if what == "n":
            ledger.note(WWW, now, ttl)
            assert ledger.bound(WWW).until >= now + ttl
        elif what == "h":
            ledger.hold(WWW, now + ttl - 50, now)
            assert ledger.bound(WWW).until >= now + ttl - 50
        elif what == "m":
            ledger.absorb(ledger_of([(WWW, int(now), ttl)]).report(now), now)
        elif what == "d":
            ledger.offer(WWW, ttl, Use(ttl % 3), now)
        elif what == "r":
            ledger.retire(WWW, now)
        else:
            ledger = restored(ledger.dump(now), now)
        after = ledger.bound(WWW)
        rounding = 1e-6
        assert after.until >= before.until - rounding
        assert after.last >= before.last - rounding


def test_a_version_is_owner_type_and_sorted_rdata() -> None:
    assert rrset("WWW.example.COM", "A", [A1, A2]) == BOTH
    assert rrset("www.example.com.", "A", [A2, A1, A2]) == BOTH
    assert len({WWW, BOTH, rrset("w.example.com.", "A", [A1])}) == 3
    assert BOTH.targets == ("192.0.2.10", "192.0.2.11")
    assert rrset("x.", "TXT", [b"\x01x"]).targets == ()
    assert str(WWW) == "www.example.com. A → 192.0.2.10"


def test_hints_lead_to_their_addresses() -> None:
    rdata = b"\x00\x01\x03svc\x00" + b"\x00\x01\x00\x03\x02h2"
    rdata += b"\x00\x04\x00\x08" + A1 + A2 + b"\x00\x06\x00\x10" + AAAA
    version = rrset("example.com.", "HTTPS", [rdata])
    assert version.targets == ("192.0.2.10", "192.0.2.11", "2001:db8::10", "svc.")
    assert about_target("2001:DB8:0::10").concerns(version)
    assert rrset("example.com.", "HTTPS", [b"\x00\x00\x03svc\x00"]).targets == ("svc.",)


@pytest.mark.parametrize(
    ("rtype", "rdata"),
    [
        ("CNAME", b"\x03Svc\x04test\x00"),
        ("MX", b"\x00\x05\x03svc\x04test\x00"),
        ("NS", b"\x03svc\x04test\x00"),
        ("SRV", b"\x00\x01\x00\x01\x01\xbb\x03svc\x04test\x00"),
        ("SVCB", b"\x00\x01\x03svc\x04test\x00"),
        ("HTTPS", b"\x00\x00\x03svc\x04test\x00"),
    ],
)
def test_records_lead_to_names(rtype: str, rdata: bytes) -> None:
    version = rrset("example.com.", rtype, [rdata])
    assert about_target("SVC.test.").concerns(version)
    assert not about_target("x.svc.test.").concerns(version)
    assert not about_target("test.").concerns(version)
    # from a ledger that knew of no names
    assert about_target("other.test.").concerns(msgspec.structs.replace(version, targets=()))


def test_a_dname_leads_to_all_below_its_target() -> None:
    version = rrset("old.example.com.", "DNAME", [b"\x03new\x04test\x00"])
    assert about_target("a.b.new.test.").concerns(version)
    assert not about_target("renew.test.").concerns(version)


def test_addresses_lead_to_no_name() -> None:
    assert not about_target("svc.test.").concerns(WWW)
    assert about_target("svc.test.").concerns(ZONE)


def test_what_a_question_concerns() -> None:
    question = about_name("WWW.Example.com", "a")
    assert question.concerns(WWW)
    assert question.concerns(ZONE)
    assert question.concerns(rrset("www.example.com.", "CNAME", [b"\x00"]))
    assert question.concerns(rrset("example.com.", "DNAME", [b"\x00"]))
    assert question.concerns(nothing("www.example.com.", "A"))
    assert question.concerns(gap("example.com.", "example.com."))
    assert question.concerns(gap("mail.example.com.", "example.com."))
    assert question.concerns(gap("mail.example.com.", "xyz.example.com."))
    assert not question.concerns(gap("example.com.", "mail.example.com."))
    assert not question.concerns(gap("other.org.", "other.org."))
    assert not question.concerns(rrset("www.example.com.", "AAAA", [AAAA]))
    assert not question.concerns(everything("other.org."))
    assert not about_target("192.0.2.11").concerns(WWW)
    assert not about_target("192.0.2.11").concerns(gap("example.com.", "example.com."))
    with pytest.raises(ValueError, match="is not an address"):
        about_target("www")


def test_static_rrsets_are_bound_by_the_reload_and_their_old_ttl() -> None:
    ledger = Ledger("a", 0.0)
    ledger.serve(WWW, 300)
    assert ledger.bound(WWW).until == NEVER
    (line,) = ledger.report(50.0).lines
    assert (line.left, line.ago, line.use) == (300.0, 0.0, Use.SERVED)
    ledger.retire(WWW, 100.0)
    assert ledger.bound(WWW) == (400.0, 100.0, 300)
    (line,) = ledger.report(150.0).lines
    assert (line.left, line.ago, line.use) == (250.0, 50.0, Use.IDLE)


def test_what_stands_in_a_zone_needs_no_declaration_to_be_reported() -> None:
    report = Ledger("a", 0.0).report(5.0, about_target("192.0.2.10"), {WWW: 60})
    assert [(line.version, line.left) for line in report.lines] == [(WWW, 60.0)]


def test_a_pool_is_bound_by_what_was_noted() -> None:
    ledger = Ledger("a", 0.0)
    ledger.offer(WWW, 300, Use.SERVED, 0.0)
    ledger.note(WWW, 10.0, 300)
    ledger.note(WWW, 100.0, 5)
    ledger.offer(WWW, 300, Use.IDLE, 120.0)
    assert ledger.bound(WWW) == (310.0, 120.0, 300)


def test_an_unclean_start_bounds_all_that_could_be_given_out() -> None:
    ledger = Ledger("a", 0.0)
    ledger.serve(ZONE, 3600)
    ledger.offer(WWW, 300, Use.POSSIBLE, 0.0)
    ledger.note(BOTH, 5.0, 100)
    data = ledger.dump(10.0)
    ledger.note(WWW, 10.9, 300)  # is lost
    again = restored(data, 7000.0)
    assert again.bound(WWW) == (7300.0, 7000.0, 300)
    assert again.bound(ZONE).until == 10_600.0
    assert again.bound(BOTH) == (7095.0, 6995.0, 100)  # the time between counts as nothing
    assert restored(data, 7000.0, unchanged={ZONE}).bound(ZONE).until == NEVER
    assert again.report(7000.0).kept == 10.0


def test_what_is_declared_must_be_on_disk_first() -> None:
    ledger = Ledger("a", 0.0)
    for ttl, use, revision in (
        (60, Use.IDLE, 1),
        (60, Use.SERVED, 1),
        (30, Use.SERVED, 1),
        (60, Use.SERVED, 2),
    ):
        ledger.offer(WWW, ttl, use, 0.0)
        assert ledger.revision == revision
    for revision in (3, 4):
        ledger.serve(BOTH, 60)
        assert ledger.revision == revision
        ledger.retire(BOTH, 1.0)


def test_an_account_is_handed_over_as_remaining_seconds() -> None:
    ledger = ledger_of([(WWW, 100, 60)])
    data = msgspec.json.encode(ledger.report(110.0))
    heir = Ledger("b", 9000.0)
    heir.absorb(msgspec.json.decode(data, type=NodeReport), 9000.0)
    heir.absorb(msgspec.json.decode(data, type=NodeReport), 9000.0)
    assert heir.bound(WWW) == (9050.0, 8990.0, 60)


def test_an_account_that_cannot_be_believed_begins_again() -> None:
    ledger = Ledger("a", 0.0)
    ledger.distrust(100.0)
    assert ledger.report(160.0).kept == 60.0


def test_what_is_over_is_remembered_for_a_week() -> None:
    ledger = ledger_of([(WWW, 0, 60), (BOTH, 1000, 60)])
    ledger.forget(61.0 + WEEK_S)
    assert [line.version for line in ledger.report(0.0).lines] == [BOTH]


def test_of_very_many_the_oldest_are_forgotten_but_nothing_that_counts() -> None:
    ledger = Ledger("a", 0.0)
    for number in range(4100):
        ledger.note(nothing(f"n{number}.", "A"), number / 1000, 10)
    ledger.note(WWW, 0.0, 9000)
    ledger.forget(100.0)
    assert len(ledger.report(100.0).lines) == 4101
    ledger.forget(8000.0)
    assert len(ledger.report(100.0).lines) == 4097
    assert ledger.bound(nothing("n3.", "A")).until == NEVER
    assert ledger.bound(WWW).until == 9000.0


@pytest.mark.parametrize("at", [0, 13, 20, 30, -1])
def test_damage_is_found(at: int) -> None:
    data = bytearray(ledger_of([(WWW, 0, 60)]).dump(1.0))
    assert restored(bytes(data), 1.0).bound(WWW).until == 60.0
    data[at] ^= 1
    with pytest.raises(StateError, match="ledger"):
        restored(bytes(data), 1.0)


@pytest.mark.parametrize("data", [b"", b"dnsd-ledger 1 ", b"dnsd-ledger 2 00000000\n"])
def test_what_is_no_ledger_is_refused(data: bytes) -> None:
    with pytest.raises(StateError, match="ledger"):
        restored(data, 0.0)


def test_a_ledger_of_another_shape_is_refused() -> None:
    with pytest.raises(StateError, match="cannot be read"):
        restored(b"dnsd-ledger 1 a3a6bf43\n{}", 0.0)


def test_negative_ttls() -> None:
    assert negative_ttl(3600, 300) == 300
    assert negative_ttl(60, 300) == 60
    assert negative_ttl(60, 300, nsec_ttl=300) == 300
