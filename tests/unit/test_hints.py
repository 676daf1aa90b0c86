"""Hints that name members of pools: told, or left out of what is served."""

from __future__ import annotations

from pathlib import Path

import dns.rdata
import pytest
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from dnsd.build import hints
from dnsd.build.contents import contents_of
from dnsd.build.policycheck import Checked, check_policy
from dnsd.build.signing import Signer
from dnsd.config.policyfile import read_policy
from dnsd.wire.name import from_text
from dnsd.wire.rdata import HTTPS
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_text
from dnsd.zone.records import Zone
from tests.unit.test_build_signing import validate
from tests.zonekeys import NOW, make_key, signed_text

KEY = make_key()
TEXT = """\
$TTL 60
@ SOA ns h 1 7200 3600 1209600 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
"""
WWW = from_text("www.example.com.")
FOLLOW = 'hints = "follow"'


def load(service: str, *, key: bool = False) -> Zone:
    text = f"{TEXT}www {service}\n"
    found = load_text("example.com.", signed_text(text, KEY) if key else text, now=NOW)
    assert found.zone is not None, found.findings
    return found.zone


def checked(zone: Zone, *more: str, rtype: str = "A") -> Checked:
    lines = ("[[pool]]", 'name = "www"', f'type = "{rtype}"', 'check = "tcp"', "port = 1", *more)
    policy, problems = read_policy("\n".join(lines), Path("example.com.toml"), "example.com.")
    assert policy is not None, problems
    return check_policy(policy, zone)


def served(service: str, *more: str, rtype: str = "A") -> list[str]:
    """The HTTPS records that are served, in text."""
    zone = load(service)
    found = checked(zone, FOLLOW, *more, rtype=rtype)
    assert not [one for one in found.findings if one.code == "pool-hint"]
    return texts(hints.followed(zone, found.policy, found.signer))


def texts(zone: Zone) -> list[str]:
    rdatas = zone.nodes[WWW][HTTPS].rdatas
    return [dns.rdata.from_wire(IN, RdataType.HTTPS, one, 0, len(one)).to_text() for one in rdatas]


@pytest.mark.parametrize(
    ("service", "left"),
    [
        ("HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,192.0.2.2", '1 . alpn="h2"'),
        ("HTTPS 1 . ipv4hint=192.0.2.1", "1 ."),
        ("HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.9 port=8", '1 . port="8" ipv4hint="192.0.2.9"'),
        (
            "HTTPS 1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1",
            '1 . ipv6hint="2001:db8::1"',
        ),
        ("HTTPS 1 . mandatory=ipv4hint ipv4hint=192.0.2.1", "1 ."),
        (
            "HTTPS 1 . mandatory=alpn,ipv4hint alpn=h2 ipv4hint=192.0.2.1",
            '1 . mandatory="alpn" alpn="h2"',
        ),
        ("HTTPS 0 www.example.net.", "0 www.example.net."),
        ("HTTPS 1 . ipv4hint=192.0.2.9", '1 . ipv4hint="192.0.2.9"'),
    ],
)
def test_hints_that_follow_are_left_out(service: str, left: str) -> None:
    assert served(service) == [left]


def test_each_pool_says_for_itself() -> None:
    service = "HTTPS 1 . ipv4hint=192.0.2.1 ipv6hint=2001:db8::1"
    zone = load(service)
    found = checked(zone, FOLLOW, rtype="AAAA")
    assert texts(hints.followed(zone, found.policy, None)) == ['1 . ipv4hint="192.0.2.1"']


def test_fallback_addresses_are_left_out_as_well() -> None:
    fallback = 'all_down = "fallback"', 'fallback = ["192.0.2.9"]'
    assert served("HTTPS 1 . ipv4hint=192.0.2.9", *fallback) == ["1 ."]


def test_records_that_differed_by_their_hints_are_one() -> None:
    service = "HTTPS 1 . ipv4hint=192.0.2.1\nwww HTTPS 1 . ipv4hint=192.0.2.2"
    assert served(service) == ["1 ."]


def test_what_is_kept_is_warned_of_and_served() -> None:
    zone = load("HTTPS 1 . ipv4hint=192.0.2.2")
    found = checked(zone)
    (finding,) = [one for one in found.findings if one.code == "pool-hint"]
    assert finding.severity is Severity.WARNING
    assert "192.0.2.2, members of the pool www.example.com. A" in finding.message
    assert hints.followed(zone, found.policy, found.signer) is zone


def test_nothing_served_leads_to_a_member_by_a_hint() -> None:
    """What the horizon is told of the zone, too."""
    zone = load("HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.2")
    found = checked(zone, FOLLOW)
    pools = {(WWW, int(RdataType.A))}
    assert b"192.0.2.1" in bytes(contents_of(zone, pools)[1])
    after = hints.followed(zone, found.policy, None)
    assert b'"192.0.2.1"' not in bytes(contents_of(after, pools)[1])


def test_in_a_signed_zone_it_is_signed_again() -> None:
    zone = load("HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1", key=True)
    found = checked(zone, FOLLOW)
    after = hints.followed(zone, found.policy, Signer(zone, [KEY.key]))
    assert texts(after) == ['1 . alpn="h2"']
    for ttl in (60, 1):
        rrset, rrsigs = after.nodes[WWW][HTTPS], after.signatures[WWW][HTTPS]
        validate("www.example.com.", rrset, rrsigs, KEY, ttl=ttl)
    validate("www.example.com.", zone.nodes[WWW][HTTPS], zone.signatures[WWW][HTTPS], KEY, ttl=60)


def test_a_signed_zone_needs_its_key() -> None:
    zone = load("HTTPS 1 . ipv4hint=192.0.2.1", key=True)
    found = [one for one in checked(zone, FOLLOW).findings if one.code == "pool-hint"]
    assert [one.severity for one in found] == [Severity.ERROR]
    assert "name the key of the zone in [signing] keys" in found[0].message


@given(
    st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.8"]), min_size=1, unique=True),
    st.lists(st.sampled_from(["2001:db8::1", "2001:db8::8"]), unique=True),
    st.booleans(),
)
def test_only_what_it_must_is_left_out(four: list[str], six: list[str], alpn: bool) -> None:
    service = f"HTTPS 1 . ipv4hint={','.join(four)}"
    service += f" ipv6hint={','.join(six)}" if six else ""
    service += " alpn=h2" if alpn else ""
    zone = load(service)
    found = checked(zone, FOLLOW)
    (left,) = texts(hints.followed(zone, found.policy, None))
    for address in (*four, *six):
        assert (f'"{address}' in left or f",{address}" in left) == (
            address not in {"192.0.2.1", "192.0.2.2"}
        )
    assert ("alpn" in left) == alpn
