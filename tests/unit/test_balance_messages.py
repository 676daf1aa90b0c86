"""The octets that dnsd packs for nexthop objects are those that pyroute2's classes make."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.balance import messages, nexthops
from dnsd.control.balance.nexthops import BackendHop, family_of
from tests import nhmsg

NUMBERS = st.integers(1, 0xFFFFFFFF)
GATEWAYS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda one: not (one.version == 6 and one.ipv4_mapped)
)
REQUEST, ACK, CREATE, REPLACE, DUMP = 0x1, 0x4, 0x400, 0x100, 0x300


@given(NUMBERS, GATEWAYS, st.integers(1, 0x7FFFFFFF))
def test_an_object(
    number: int, gateway: ipaddress.IPv4Address | ipaddress.IPv6Address, link: int
) -> None:
    hop = BackendHop(str(gateway), link)
    attrs: list[tuple[str, Any]] = [
        *(("NHA_ID", number), ("NHA_OIF", link), ("NHA_GATEWAY", hop.gateway)),
    ]
    own = nexthops.put_object(number, hop)
    family = family_of(hop.gateway)
    theirs = nhmsg.encoded(
        nhmsg.RTM_NEWNEXTHOP, REQUEST | CREATE | REPLACE, attrs, family=family, protocol=53
    )
    assert own == theirs
    assert nexthops.read(theirs[messages.HEADER.size :]) == nexthops.KernelNexthop(
        number, hop, 0, False
    )


@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=4093))
def test_a_group(number: int, members: list[int]) -> None:
    own = nexthops.put_group(number, members)
    found = nhmsg.decoded(own)
    assert found["header"]["type"] == nhmsg.RTM_NEWNEXTHOP
    assert found["header"]["flags"] == REQUEST | CREATE | ACK
    assert (found["family"], found["protocol"]) == (socket.AF_UNSPEC, 53)
    assert found.get_attr("NHA_ID") == number
    assert found.get_attr("NHA_GROUP") == members
    assert found.get_attr("NHA_GROUP_TYPE") == 1
    assert found.get_attr("NHA_RES_GROUP").get_attr("NHA_RES_GROUP_BUCKETS") == len(members)


@given(NUMBERS, st.integers(0, 0xFFFF))
def test_what_is_asked(number: int, place: int) -> None:
    wanted: list[tuple[str, Any]] = [("NHA_ID", number)]
    bucket = ("NHA_RES_BUCKET", {"attrs": [("NHA_RES_BUCKET_INDEX", place)]})
    get, delete, buckets = (
        *(nhmsg.RTM_GETNEXTHOP, nhmsg.RTM_DELNEXTHOP, nhmsg.RTM_GETNEXTHOPBUCKET),
    )
    assert nexthops.get(number) == nhmsg.encoded(get, REQUEST, wanted)
    assert nexthops.get(number, counters=True) == nhmsg.encoded(
        get, REQUEST, [*wanted, ("NHA_OP_FLAGS", 1)]
    )
    assert nexthops.delete(number) == nhmsg.encoded(delete, REQUEST | ACK, wanted)
    assert nexthops.get_buckets(number) == nhmsg.encoded(buckets, REQUEST | DUMP, wanted)
    assert nexthops.get_bucket(number, place) == nhmsg.encoded(buckets, REQUEST, [*wanted, bucket])


@given(st.integers(0, 0xFFFF), NUMBERS, st.integers(0, 1 << 40))
def test_what_a_bucket_says(place: int, number: int, ticks: int) -> None:
    attrs = [
        ("NHA_RES_BUCKET_INDEX", place),
        ("NHA_RES_BUCKET_IDLE_TIME", ticks),
        ("NHA_RES_BUCKET_NH_ID", number),
    ]
    said = nhmsg.encoded(nhmsg.RTM_NEWNEXTHOPBUCKET, 0, [("NHA_RES_BUCKET", {"attrs": attrs})])
    found = nexthops.read_bucket(said[messages.HEADER.size :])
    assert (found.place, found.number) == (place, number)
    assert found.idle == pytest.approx(ticks / os.sysconf("SC_CLK_TCK"))


@given(st.dictionaries(NUMBERS, st.integers(0, (1 << 64) - 1), max_size=50))
def test_what_counters_say(counts: dict[int, int]) -> None:
    entries = [
        (
            "NHA_GROUP_STATS_ENTRY",
            {
                "attrs": [
                    ("NHA_GROUP_STATS_ENTRY_ID", number),
                    ("NHA_GROUP_STATS_ENTRY_PACKETS", count),
                ]
            },
        )
        for number, count in counts.items()
    ]
    said = nhmsg.encoded(nhmsg.RTM_NEWNEXTHOP, 0, [("NHA_GROUP_STATS", {"attrs": entries})])
    assert nexthops.read_packets(said[messages.HEADER.size :]) == counts
