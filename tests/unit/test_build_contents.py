"""What a zone has, as versions; and what caches hold when it has something else."""

from __future__ import annotations

import pytest

from dnsd.build import contents as contents_module
from dnsd.build.contents import contents_of
from dnsd.caches.changes import CachedFor, KnownZone, held_after
from dnsd.caches.listing import Contents, Listing, decode
from dnsd.caches.version import (
    ANY,
    Version,
    VersionKind,
    about_name,
    about_target,
    everything,
    nothing,
    rrset,
)
from dnsd.wire.name import from_text
from dnsd.wire.rdata import CNAME
from dnsd.zone.load import load_text

ZONE = """
$TTL 60
@ SOA ns h 1 3600 600 86400 20
@ NS ns
ns 600 A 192.0.2.53
www A 192.0.2.1
www A 192.0.2.2
sub NS ns.sub
ns.sub A 192.0.2.54
ns.sub TXT "occluded"
old DNAME example.org.
below.old A 192.0.2.55
"""


def known(text: str, most: int = 100) -> KnownZone:
    zone = load_text("example.com.", text).zone
    assert zone
    contents, raw = contents_of(zone, (), most)
    return KnownZone("example.com.", contents, decode(bytes(raw)))


def base(*more: str) -> KnownZone:
    return known("\n".join(("$TTL 60", "@ SOA ns h 1 3600 600 86400 20", "@ NS ns.x.", *more, "")))


def listing(one: KnownZone) -> Listing:
    assert one.listing is not None
    return one.listing


def test_all_that_can_stand_in_a_response_is_listed() -> None:
    found = known(ZONE)
    assert [(one.owner, one.type, one.ttl) for one in listing(found)] == [
        ("example.com.", "NS", 60),
        ("example.com.", "SOA", 60),
        ("ns.example.com.", "A", 600),
        ("ns.sub.example.com.", "A", 60),
        ("old.example.com.", "DNAME", 60),
        ("sub.example.com.", "NS", 60),
        ("www.example.com.", "A", 60),
    ]
    assert listing(found)[-1].version == rrset(
        "www.example.com.", "A", [bytes((192, 0, 2, 2)), bytes((192, 0, 2, 1))]
    )
    assert (found.contents.ttl, found.contents.negative) == (600, 20)


def test_the_digest_is_of_the_content() -> None:
    one, other = base("a A 192.0.2.1", "b A 192.0.2.1"), base("b A 192.0.2.1", "a A 192.0.2.1")
    assert one == other
    assert base("a A 192.0.2.1").contents.digest != one.contents.digest
    assert base("a 61 A 192.0.2.1").contents.digest != base("a A 192.0.2.1").contents.digest


def test_pools_are_left_out() -> None:
    zone = load_text("example.com.", ZONE).zone
    assert zone
    _, raw = contents_of(zone, {(b"\x03www\x07example\x03com\x00", 1)})
    found = decode(bytes(raw))
    assert found
    assert "www.example.com." not in {one.owner for one in found}


def test_a_large_zone_has_no_listing_and_is_never_the_same() -> None:
    one, other = known(ZONE, most=3), known(ZONE, most=3)
    assert one.listing is None
    assert not one.contents.listed
    assert one.contents.digest != other.contents.digest
    assert held_after(one, other) == (CachedFor(everything("example.com."), 600),)


def test_a_zone_in_the_table_for_plain_names() -> None:
    lines = "".join(f'h{n} {n} A 192.0.2.1\nh{n} TXT "{"x" * 250}"\n' for n in range(61, 4400))
    found = known(f"$TTL 60\n@ SOA ns h 1 3600 600 86400 20\n@ NS ns.x.\n{lines}", most=9000)
    assert len(listing(found)) == 2 * 4339 + 2
    assert found.contents.ttl == 4399


def test_nothing_is_held_of_what_is_the_same() -> None:
    assert held_after(base("a A 192.0.2.1"), base("a A 192.0.2.1")) == ()


def test_what_is_gone_or_has_a_smaller_ttl_is_held() -> None:
    old = base("a 600 A 192.0.2.1", "b A 192.0.2.2", "c A 192.0.2.3")
    held = held_after(old, base("a 300 A 192.0.2.1", "b 90 A 192.0.2.2"))
    assert {(str(one.version), one.ttl) for one in held} == {
        ("a.example.com. A → 192.0.2.1", 600),
        ("c.example.com. A → 192.0.2.3", 60),
    }
    assert len(held_after(old, None)) == 5


def test_what_was_not_there_is_held() -> None:
    held = held_after(base("a A 192.0.2.1"), base("a A 192.0.2.1", "a TXT x", "b A 192.0.2.2"))
    assert held == (
        CachedFor(nothing("a.example.com.", "TXT"), 20),
        CachedFor(nothing("b.example.com.", "A"), 20),
    )


def test_of_what_was_a_pool_it_is_not_held_that_there_is_none() -> None:
    old = base()._replace(pools=frozenset({("a.example.com.", "A")}))
    assert held_after(old, base("a A 192.0.2.1")) == ()


def test_a_new_cut_hides_what_was_denied_below() -> None:
    held = {one.version for one in held_after(base(), base("sub NS ns.x."))}
    assert nothing("*.sub.example.com.", ANY) in held
    below = about_name("x.sub.example.com", "AAAA")
    assert any(below.concerns(version) for version in held)
    assert not any(about_name("x.example.com", "AAAA").concerns(one) for one in held)


def test_a_wildcard_has_answered_for_names_that_came_later() -> None:
    old = base("* 300 A 192.0.2.1")
    held = held_after(old, base("* 300 A 192.0.2.1", "a.b A 192.0.2.2"))
    wild = {(one.version.owner, one.ttl) for one in held if one.version.kind == VersionKind.RRSET}
    assert wild == {
        ("a.b.example.com.", 300),
        ("*.a.b.example.com.", 300),
        ("b.example.com.", 300),
        ("*.b.example.com.", 300),
    }


def test_a_zone_that_grows_too_large_is_held_as_it_was() -> None:
    large = KnownZone("example.com.", Contents(digest="x"), None)
    held = {one.version for one in held_after(base("a A 192.0.2.1"), large)}
    assert everything("example.com.") in held
    assert len(held) == 4


def test_names_with_escaped_dots_have_the_right_parents() -> None:
    old = base("* A 192.0.2.1")
    held = held_after(old, base("* A 192.0.2.1", "a\\.b.c A 192.0.2.2"))
    owners = {one.version.owner for one in held if one.version.kind == VersionKind.RRSET}
    assert "c.example.com." in owners
    assert "b.c.example.com." not in owners


def test_wildcards_concern_the_names_below() -> None:
    wild = Version(VersionKind.RRSET, "*.example.com.", "A")
    assert about_name("a.b.example.com", "A").concerns(wild)
    assert not about_name("example.com", "A").concerns(wild)
    assert not about_name("a.example.com", "AAAA").concerns(wild)
    assert about_name("*.example.com", "A").concerns(wild)


def test_of_a_large_zone_it_is_known_to_which_names_it_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (
        "$TTL 60\n@ SOA ns h 1 3600 600 86400 20\n@ NS ns.test.\nwww CNAME Cdn.test.\n"
        "pool CNAME other.test.\nold DNAME new.test.\n@ MX 5 mail.test.\n@ HTTPS 1 svc.test.\n"
    )
    zone = load_text("example.com.", text).zone
    assert zone is not None
    pool = from_text("pool.example.com."), CNAME
    contents, _ = contents_of(zone, {pool}, most=3)
    leads = [
        name
        for name in ("cdn", "other", "new", "x.new", "renew", "mail", "svc", "ns", "x.cdn")
        if contents.may_lead_to(f"{name}.test.")
    ]
    assert leads == ["cdn", "new", "x.new", "mail", "svc", "ns"]
    monkeypatch.setattr(contents_module, "MOST_NAMES", 2)
    contents, _ = contents_of(zone, {pool}, most=3)
    assert contents.may_lead_to("nowhere.test."), "too many to be known"


@pytest.mark.parametrize("most", [100, 0])
def test_addresses_that_follow_a_name_lead_to_that_name(most: int) -> None:
    """Whoever is not to come to a name that is drained must not come by way of an alias either."""
    zone = load_text("example.com.", ZONE).zone
    assert zone
    cdn = "cdn.example.net."
    plain, _ = contents_of(zone, (), most)
    contents, raw = contents_of(zone, (), most, {("www.example.com.", "A"): cdn})
    found = decode(bytes(raw)) or ()
    assert [one.owner for one in found if cdn in one.targets] == ["www.example.com."][: len(found)]
    assert all(about_target(cdn).concerns(one.version) == (cdn in one.targets) for one in found)
    assert list(found) == sorted(found)
    assert contents.digest != plain.digest
    assert (contents.names is None) == bool(most)
    assert bool(most) or contents.may_lead_to(cdn) > plain.may_lead_to(cdn)
