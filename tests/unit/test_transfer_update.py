"""Dynamic updates (RFC 2136), held to the pseudocode of the RFC on generated updates."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.update
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.transfer.update import TimedSet, UpdateGrant, edit
from dnsd.transfer.updatemessage import ANY, IN, NONE, UpdateRecord, UpdateRefused, read
from dnsd.wire.name import from_text
from dnsd.wire.rdata import canonical as folded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

APEX = from_text("example.")
A, NS, CNAME, SOA, TXT, DNSKEY, WHOLE = 1, 2, 5, 6, 16, 48, 255
EVERYTHING = (UpdateGrant(frozenset(), (APEX,), frozenset(range(256))),)
FORMERR, NXDOMAIN, REFUSED, YXDOMAIN, YXRRSET, NXRRSET, NOTZONE = 1, 3, 5, 6, 7, 8, 10


def data(rtype: str, text: str) -> bytes:
    octets = dns.rdata.from_text("IN", rtype, text).to_wire()
    assert octets is not None, "no file is given"
    return octets


def soa(serial: int) -> bytes:
    return data("SOA", f"ns.example. admin.example. {serial} 3600 600 86400 300")


class Held:
    """A zone in memory."""

    apex = APEX

    def __init__(self, sets: Mapping[bytes, Mapping[int, TimedSet]]) -> None:
        self.sets = {owner: dict(types) for owner, types in sets.items()}

    def at(self, owner: bytes) -> Mapping[int, TimedSet]:
        return self.sets.get(owner, {})


def zone(**more: dict[int, TimedSet]) -> Held:
    names = {from_text(f"{name}.example."): types for name, types in more.items()}
    apex = {SOA: TimedSet(60, (soa(7),)), NS: TimedSet(60, (data("NS", "ns.example."),))}
    return Held({APEX: apex, **names})


WWW = from_text("www.example.")
ADDRESS = {A: TimedSet(60, (data("A", "192.0.2.1"),))}


def asked(update: dns.update.UpdateMessage) -> bytes:
    packet = update.to_wire()
    assert packet is not None, "no file is given"
    return packet


def rcode_of(update: dns.update.UpdateMessage, held: Held) -> int:
    try:
        edit(read(asked(update)), held, EVERYTHING)
    except UpdateRefused as error:
        return error.rcode
    return 0


def message() -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage("example.")


def test_an_update_adds_and_the_serial_grows() -> None:
    update = message()
    update.add("New.example.", 300, "A", "192.0.2.7")
    done = edit(read(asked(update)), zone(), EVERYTHING)
    new = from_text("new.example.")
    assert done.after[new] == {A: TimedSet(300, (data("A", "192.0.2.7"),))}
    assert done.spelt[new] == from_text("New.example.")
    assert done.after[APEX][SOA].rdatas == (soa(8),)


def test_what_changes_nothing_leaves_the_serial() -> None:
    update = message()
    update.delete("gone.example.")
    update.add("www.example.", 60, "A", "192.0.2.1")
    assert edit(read(asked(update)), zone(www=ADDRESS), EVERYTHING).after == {}


def test_a_serial_that_the_update_sets_is_kept_unless_it_goes_back() -> None:
    for said, got in ((9, 9), (7, 8), (3, 8), (7 + (1 << 31), 8)):
        update = message()
        update.add("example.", 60, "SOA", f"ns.example. admin.example. {said} 3600 600 86400 300")
        update.add("new.example.", 60, "A", "192.0.2.7")
        done = edit(read(asked(update)), zone(), EVERYTHING)
        assert done.after[APEX][SOA].rdatas == (soa(got),)


def test_no_zone_gets_the_serial_0_by_itself() -> None:
    held = zone()
    held.sets[APEX][SOA] = TimedSet(60, (soa(0xFFFFFFFF),))
    update = message()
    update.add("new.example.", 60, "A", "192.0.2.7")
    assert edit(read(asked(update)), held, EVERYTHING).after[APEX][SOA].rdatas == (soa(1),)


def test_nothing_comes_beside_an_alias() -> None:
    alias = {CNAME: TimedSet(60, (data("CNAME", "www.example."),))}
    update = message()
    update.add("alias.example.", 60, "A", "192.0.2.7")
    update.add("www.example.", 60, "CNAME", "other.example.")
    assert edit(read(asked(update)), zone(alias=alias, www=ADDRESS), EVERYTHING).after == {}


def test_prerequisites() -> None:
    held = zone(www=ADDRESS)
    cases: list[tuple[Callable[[Any], None], int]] = [
        (lambda one: one.present("www.example."), 0),
        (lambda one: one.present("no.example."), NXDOMAIN),
        (lambda one: one.present("www.example.", "A"), 0),
        (lambda one: one.present("www.example.", "TXT"), NXRRSET),
        (lambda one: one.present("www.example.", "A", "192.0.2.1"), 0),
        (lambda one: one.present("www.example.", "A", "192.0.2.2"), NXRRSET),
        (lambda one: one.present("example.", "NS", "NS.Example."), 0),
        (lambda one: one.absent("www.example."), YXDOMAIN),
        (lambda one: one.absent("no.example."), 0),
        (lambda one: one.absent("www.example.", "A"), YXRRSET),
        (lambda one: one.absent("www.example.", "TXT"), 0),
    ]
    for require, rcode in cases:
        update = message()
        require(update)
        assert rcode_of(update, held) == rcode


def test_only_what_is_granted_is_changed() -> None:
    challenge = from_text("_acme-challenge.example.")
    grant = UpdateGrant(frozenset((challenge,)), (from_text("dyn.example."),), frozenset((TXT,)))
    held = zone(www=ADDRESS)
    for name, rtype, text, allowed in (
        ("_acme-challenge.example.", "TXT", '"x"', True),
        ("a.dyn.example.", "TXT", '"x"', True),
        ("dyn.example.", "TXT", '"x"', True),
        ("a.dyn.example.", "A", "192.0.2.1", False),
        ("b._acme-challenge.example.", "TXT", '"x"', False),
        ("xdyn.example.", "TXT", '"x"', False),
        ("www.example.", "TXT", '"x"', False),
    ):
        update = message()
        update.add(name, 60, rtype, text)
        expected = nullcontext() if allowed else pytest.raises(UpdateRefused, match="no grant for")
        with expected:
            edit(read(asked(update)), held, (grant,))
    whole = message()
    whole.delete("a.dyn.example.")
    owner = from_text("a.dyn.example.")
    both = Held({**held.sets, owner: {**ADDRESS, TXT: TimedSet(60, (b"\x01x",))}})
    with pytest.raises(UpdateRefused, match=r"no grant for a\.dyn\.example\. A"):
        edit(read(asked(whole)), both, (grant,))


def test_a_grant_of_all_types_has_neither_soa_nor_ns() -> None:
    grant = UpdateGrant(frozenset((APEX,)), (), None)
    assert grant.allows(APEX, A)
    assert not grant.allows(APEX, NS)
    assert not grant.allows(APEX, SOA)


def test_signed_zones_are_not_updated() -> None:
    held = zone()
    held.sets[APEX][DNSKEY] = TimedSet(60, (data("DNSKEY", "256 3 13 AAAA"),))
    update = message()
    update.add("new.example.", 60, "A", "192.0.2.7")
    with pytest.raises(UpdateRefused, match="is signed"):
        edit(read(asked(update)), held, EVERYTHING)


@pytest.mark.parametrize(
    ("section", "owner", "rtype", "rclass", "ttl", "rdata", "rcode"),
    [
        ("prerequisite", WWW, A, IN, 1, b"\xc0\x00\x02\x01", FORMERR),
        ("prerequisite", WWW, A, NONE, 0, b"\xc0\x00\x02\x01", FORMERR),
        ("prerequisite", WWW, A, ANY, 0, b"\xc0\x00\x02\x01", FORMERR),
        ("prerequisite", WWW, A, 3, 0, b"", FORMERR),
        ("prerequisite", from_text("www.elsewhere."), A, ANY, 0, b"", NOTZONE),
        ("change", from_text("www.elsewhere."), A, ANY, 0, b"", NOTZONE),
        ("change", WWW, WHOLE, IN, 60, b"\xc0\x00\x02\x01", FORMERR),
        ("change", WWW, A, IN, 60, b"\xc0\x00\x02", FORMERR),
        ("change", WWW, A, IN, 60, b"", FORMERR),
        ("change", WWW, A, ANY, 60, b"", FORMERR),
        ("change", WWW, 251, ANY, 0, b"", FORMERR),
        ("change", WWW, A, NONE, 0, b"", FORMERR),
        ("change", WWW, A, 4, 0, b"", FORMERR),
    ],
)
def test_what_breaks_a_rule_is_refused(
    section: str, owner: bytes, rtype: int, rclass: int, ttl: int, rdata: bytes, rcode: int
) -> None:
    head = b"\0\0\x28\0" + b"\0\1" + (b"\0\1\0\0" if section == "prerequisite" else b"\0\0\0\1")
    fixed = b"".join(value.to_bytes(2, "big") for value in (rtype, rclass))
    record = owner + fixed + ttl.to_bytes(4, "big") + len(rdata).to_bytes(2, "big") + rdata
    with pytest.raises(UpdateRefused) as refused:
        read(head + b"\0\0" + APEX + b"\0\6\0\1" + record)
    assert refused.value.rcode == rcode


@given(st.binary(max_size=80))
def test_octets_that_are_no_message_are_refused(octets: bytes) -> None:
    update = message()
    update.add("new.example.", 60, "A", "192.0.2.7")
    good = asked(update)
    for packet in (octets, good[: len(octets)], good[: len(octets)] + octets):
        with suppress(UpdateRefused):
            assert read(packet).zone


# -- the RFC's pseudocode (§3.4.2.7) over a plain list of records --------------------------------

OWNERS = (APEX, WWW, from_text("a.www.example."))
VALUES = {
    A: (data("A", "192.0.2.1"), data("A", "192.0.2.2")),
    NS: (data("NS", "ns.example."), data("NS", "NS.example.")),
    CNAME: (data("CNAME", "www.example."), data("CNAME", "a.www.example.")),
    TXT: (b"\x01x", b"\x01X"),
    SOA: (soa(6), soa(8), soa(9)),
}


@st.composite
def changes(draw: st.DrawFn) -> UpdateRecord:
    owner, rtype = draw(st.sampled_from(OWNERS)), draw(st.sampled_from(tuple(VALUES)))
    rclass = draw(st.sampled_from((IN, NONE, ANY)))
    if rclass == ANY:
        return UpdateRecord(owner, owner, draw(st.sampled_from((rtype, WHOLE))), ANY, 0, b"")
    ttl = draw(st.sampled_from((60, 300))) if rclass == IN else 0
    return UpdateRecord(owner, owner, rtype, rclass, ttl, draw(st.sampled_from(VALUES[rtype])))


Rows = dict[tuple[bytes, int, bytes], int]
"""TTL by (owner, type, folded data)."""


def rows(sets: Mapping[bytes, Mapping[int, TimedSet]]) -> Rows:
    return {
        (owner, rtype, folded(rtype, one)): held.ttl
        for owner, types in sets.items()
        for rtype, held in types.items()
        for one in held.rdatas
    }


def pseudocode(found: Rows, change: UpdateRecord) -> None:
    """Do one change as RFC 2136 §3.4.2.7 does; an RRset has one TTL (RFC 2181 §5.2)."""
    owner, rtype = change.owner, change.rtype
    here = {row for row in found if row[0] == owner}
    same = {row for row in here if row[1] == rtype}
    row = owner, rtype, folded(rtype, change.rdata) if change.rdata else b""
    if change.rclass == IN:
        if may_be_added(change, here, same):
            for old in same:
                del found[old]
            kept = set() if rtype in {CNAME, SOA} else same
            found.update(dict.fromkeys(kept | {row}, change.ttl))
    elif change.rclass == ANY:
        for old in here if rtype == WHOLE else same:
            if owner != APEX or old[1] not in {SOA, NS}:
                del found[old]
    elif rtype != SOA and not (rtype == NS and owner == APEX and len(same) == 1):
        found.pop(row, None)


Row = tuple[bytes, int, bytes]


def may_be_added(change: UpdateRecord, here: set[Row], same: set[Row]) -> bool:
    if change.rtype == CNAME:
        return here == same
    if any(row[1] == CNAME for row in here):
        return False
    if change.rtype == SOA:
        serials = [int.from_bytes(row[2][-20:-16], "big") for row in same]
        return bool(serials) and serials[0] < int.from_bytes(change.rdata[-20:-16], "big")
    return True


@given(st.lists(changes(), max_size=12))
def test_updates_do_what_the_rfc_says(made: list[UpdateRecord]) -> None:
    held = zone(www=ADDRESS)
    expected = rows(held.sets)
    before = dict(expected)
    for one in made:
        pseudocode(expected, one)
    request = read(asked(message()))._replace(changes=tuple(made))
    done = edit(request, held, EVERYTHING)
    got = rows({**held.sets, **done.after})
    if got != before:
        key = next(row for row in expected if row[1] == SOA)
        if key in before:  # nobody has set the serial: it has grown by one
            ttl = expected.pop(key)
            expected[APEX, SOA, folded(SOA, soa(8))] = ttl
    assert got == expected
    assert all(types.keys() for owner, types in done.after.items() if owner == APEX)
