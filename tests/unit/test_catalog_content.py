"""What a catalog zone says: each rule of RFC 9432 §4; and what is made here is read again."""

from __future__ import annotations

from typing import Any

import dns.zone
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsd.config import CatalogConfig, CatalogMember, origins
from dnsd.control.catalogs import content
from dnsd.control.catalogs.content import CatalogContent
from dnsd.control.catalogs.producing import zone_text
from dnsd.errors import CatalogError
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire.name import from_text
from dnsd.wire.records import Record

ORIGIN = "catalog.test."
HEAD = "$TTL 0\n@ SOA invalid. invalid. 7 3600 600 86400 0\n@ NS invalid.\n"
VERSION = 'version TXT "2"\n'


def version(text: str) -> ZoneVersion:
    zone = dns.zone.from_text(text, ORIGIN, relativize=False, check_origin=False)
    found = []
    for owner, ttl, rdata in zone.iterate_rdatas():
        name, octets = owner.to_wire(), rdata.to_wire()
        assert name is not None
        assert octets is not None
        found.append(Record(name, int(rdata.rdtype), ttl, octets))
    return from_records(from_text(ORIGIN), found)


def read(text: str) -> CatalogContent:
    return content.read(version(HEAD + text))


def why_broken(text: str) -> str:
    with pytest.raises(CatalogError) as caught:
        read(text)
    return str(caught.value)


def test_members_with_their_properties() -> None:
    found = read(
        VERSION
        + "one.zones PTR Example.COM.\n"
        + 'group.one.zones TXT "a" "b"\n'
        + 'group.one.zones TXT "other"\n'
        + "two.zones PTR example.net.\n"
        + "coo.two.zones PTR Other.Catalog.\n"
    )
    assert found == CatalogContent(
        7,
        {
            "example.com.": CatalogMember("one", ("ab", "other")),
            "example.net.": CatalogMember("two", (), "other.catalog."),
        },
    )


@pytest.mark.parametrize(
    "ignored",
    [
        'one.zones TXT "no pointer"\n',
        "deep.one.zones PTR example.com.\n",
        "group.deep.one.zones PTR example.com.\n",
        'unknown.one.zones TXT "a property of later"\n',
        "one.other PTR example.com.\n",
        "zones PTR example.com.\n",
        'group.one.zones TXT "a group of nobody"\n',
        "coo.one.zones PTR other.\n",
        'mine.ext TXT "a property of somebody (§4.5)"\n',
        "@ A 192.0.2.1\n",
        r"one\.zones PTR example.com." + "\n",
    ],
)
def test_what_means_nothing_is_ignored(ignored: str) -> None:
    """§3: RRs that are meaningless are ignored, and none of them makes a member."""
    assert read(VERSION + ignored).members == {}


def test_an_empty_catalog_is_one() -> None:
    assert read(VERSION) == CatalogContent(7, {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no version property"),  # §4.3.1, all three
        ('version TXT "1"\n', "the version '1'"),
        ('version TXT "2"\nversion TXT "3"\n', "2 version properties"),
        ("version A 192.0.2.2\n", "no version property"),
        # §4.2: the only record in the RRset; no member twice
        (VERSION + "one.zones PTR a.\none.zones PTR b.\n", "the node one names 2 zones (a., b.)"),
        (VERSION + "one.zones PTR a.\ntwo.zones PTR A.\n", "a. is a member twice, at one and at"),
        # §4.4.1: a single PTR
        (
            VERSION + "one.zones PTR a.\ncoo.one.zones PTR b.\ncoo.one.zones PTR c.\n",
            "the coo property of a. names 2",
        ),
    ],
)
def test_a_broken_catalog_is_not_processed(text: str, why: str) -> None:
    assert why in why_broken(text)


zones = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=3, unique=True).map(
    lambda labels: ".".join(labels) + "."
)


@settings(max_examples=25)
@given(
    st.sets(zones, max_size=8),
    st.dictionaries(zones, st.text(min_size=1, max_size=60), max_size=4),
    st.sets(zones, max_size=2),
    st.none() | st.text(min_size=1, max_size=40),
)
def test_what_is_made_is_read_again(
    members: set[str], groups: dict[str, str], exclude: set[str], group: str | None
) -> None:
    catalog = CatalogConfig(name=ORIGIN, produce=True, exclude=tuple(exclude), group=group)
    found = read_made(catalog, members, groups)
    wanted: dict[str, Any] = {
        zone: (groups.get(zone, group),) if groups.get(zone, group) else ()
        for zone in members - exclude
    }
    assert {zone: member.groups for zone, member in found.members.items()} == wanted
    again = read_made(catalog, {*members, "new."} - exclude, groups)
    for zone, member in found.members.items():
        assert again.members[zone].label == member.label, "labels are stable"


def read_made(catalog: CatalogConfig, members: set[str], groups: dict[str, str]) -> CatalogContent:
    return content.read(version(zone_text(catalog, members, groups)))


def test_names_are_spelt_as_those_of_zones() -> None:
    odd = r"A\.b.\200x\;.Test."
    (name,) = read(VERSION + f"one.zones PTR {odd}\n").members
    assert name == origins.normal(odd)
