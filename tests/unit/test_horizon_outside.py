"""Which secondaries a node tells of: those of zones that have, or had, what is asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from dnsd.build.resolved import AliasMeta
from dnsd.caches.acquainted import KnownSecondary
from dnsd.caches.version import CacheQuestion, about_name, about_target
from dnsd.config import ZoneTransfers
from dnsd.config.policy import AliasRule
from dnsd.config.transfers import NotifyPeer
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.outside import LAPSED, Outside
from dnsd.control.zones.table import ServedImage, ZoneRow
from tests.horizonsite import APEX, POOL, Content, Site

SERVER = "192.0.2.54:53"
NOTIFIED = ZoneTransfers(notify=(NotifyPeer(address="192.0.2.54"),))
HOST, MEMBER = "192.0.2.10", "192.0.2.80"
CONTENT = Content(hosts=(("h", HOST, 60),), members=(MEMBER, "192.0.2.81"))


class Zones(NamedTuple):
    """Zones that are ``configured``; all zones have the same settings."""

    said: ZoneTransfers
    configured: Collection[str]
    expired: set[str]
    aliased: dict[str, ZoneRow]

    def transfers_of(self, _zone: str) -> ZoneTransfers:
        return self.said


class Node:
    """A node with a zone that is notified; ``also`` are zones that are configured and not there."""

    def __init__(self, directory: Path, said: ZoneTransfers, also: Collection[str] = ()) -> None:
        self.site = Site(directory, CONTENT)
        keeper = self.site.keeper
        self._horizon = Horizon(keeper, self.site.sweep, stamp=self.site.stamp)
        self.expired: set[str] = set()
        self.aliased: dict[str, ZoneRow] = {}
        self._horizon.outside = Outside(keeper, Zones(said, also, self.expired, self.aliased))

    def tells(self, question: CacheQuestion) -> tuple[KnownSecondary, ...]:
        return asyncio.run(self._horizon.report(question)).secondaries

    def doubts(self, question: CacheQuestion) -> str:
        return asyncio.run(self._horizon.report(question)).doubt


IN_ZONE = (KnownSecondary(SERVER, APEX),)
WITH_POOL = (KnownSecondary(SERVER, APEX, (tuple(POOL),)),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (about_target(HOST), IN_ZONE),
        (about_target(MEMBER), WITH_POOL),
        (about_target("192.0.2.99"), ()),
        (about_name("h.example.com", "A"), IN_ZONE),
        (about_name("h.example.com", "AAAA"), IN_ZONE),
        (about_name("pool.example.com", "A"), WITH_POOL),
        (about_name("pool.example.com", "AAAA"), IN_ZONE),
        (about_name(r"a\.b.deep.example.com", "A"), IN_ZONE),
        (about_name("www.example.org", "A"), ()),
    ],
)
def test_secondaries_of_zones_that_are_concerned(
    question: CacheQuestion, told: tuple[KnownSecondary, ...], tmp_path: Path
) -> None:
    assert Node(tmp_path, NOTIFIED).tells(question) == told
    assert Node(tmp_path / "other", ZoneTransfers()).tells(question) == ()


def test_what_a_zone_had_counts_and_so_does_a_zone_that_is_gone(tmp_path: Path) -> None:
    node = Node(tmp_path, NOTIFIED, also=(APEX,))
    node.site.load(CONTENT._replace(hosts=()))
    node.site.reach()
    assert node.tells(about_target(HOST)) == IN_ZONE
    node.site.load(None)
    node.site.reach()
    assert node.tells(about_target(HOST)) == IN_ZONE
    assert node.tells(about_target(MEMBER)) == IN_ZONE


def test_servers_of_ns_records_are_told_by_name(tmp_path: Path) -> None:
    both = msgspec.structs.replace(NOTIFIED, notify_ns=True)
    told = Node(tmp_path, both).tells(about_target(HOST))
    assert told == (*IN_ZONE, KnownSecondary("ns.example.com.", APEX))


def test_a_zone_that_has_expired_may_come_back_by_itself(tmp_path: Path) -> None:
    """Whatever caches have forgotten by then: a primary may be heard again at any time."""
    node = Node(tmp_path, ZoneTransfers(), also=(APEX,))
    node.site.load(None)
    node.site.reach()
    questions = [about_target(HOST), about_target(MEMBER), about_name("h.example.com", "A")]
    assert [node.doubts(one) for one in questions] == 3 * [""]
    node.expired.add(APEX)
    assert [node.doubts(one) for one in questions] == 3 * [LAPSED.format(APEX)]
    assert [node.doubts(about_target("192.0.2.99")), node.doubts(about_name("a.org", "A"))] == [
        "",
        "",
    ]


def test_the_addresses_of_an_alias_in_the_zone_file_may_come_back(tmp_path: Path) -> None:
    """While it is resolved they are not answered; and again if it cannot be for long."""
    node = Node(tmp_path, ZoneTransfers())
    rule = AliasRule(name=APEX, target="cdn.example.net.")
    meta = AliasMeta(rule=rule, type="A", ttl=60, fallback=("192.0.2.7", "192.0.2.8"))
    node.aliased[APEX] = ZoneRow(
        APEX, tmp_path, 0.0, served=ServedImage("i", 1, 1, aliases=(meta,))
    )
    assert node.doubts(about_target("192.0.2.8")) == (
        "192.0.2.8 is answered for the alias example.com. A while its target cannot be resolved: "
        "remove it from the zone file"
    )
    assert not any(map(node.doubts, (about_target("192.0.2.9"), about_name(APEX, "A"))))
