"""What a node says of itself, what it remembers of others, and what operators declare."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from dnsd.caches.acquainted import KnownNodes, KnownPeer, Retired
from dnsd.caches.judge import MARGIN_S, Safety
from dnsd.caches.ledger import Ledger, owner_of
from dnsd.caches.report import NodeReport
from dnsd.caches.version import everything, rrset
from dnsd.cli import declare
from dnsd.config import Endpoint, Failover
from dnsd.control.failover.peers import Peers
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.commands import commands
from dnsd.control.horizon.identity import Identity, instance_of
from dnsd.errors import AdminError, StateError
from tests.horizonsite import Content, Site
from tests.ledgers import restored
from tests.unit.test_horizon_keeper import disk

B = Endpoint("192.0.2.2", 9153)
URL = "http://192.0.2.2:9153"


def identity(now: float = 0.0, *, heard: str = "", at: float = 0.0) -> Identity:
    peers = Peers("a", Failover(peers=(B,)), instance="own")
    if heard:
        (peer,) = peers.peers
        peer.node, peer.instance, peer.at = heard, f"run of {heard}", at
    return Identity("own", now, peers, lambda: 300)


def stamped(who: Identity, ledger: Ledger, now: float) -> NodeReport:
    data = msgspec.json.encode(who.stamp(ledger.report(now), ledger, now))
    return msgspec.json.decode(data, type=NodeReport)


def test_a_report_says_which_run_it_is_and_which_nodes_it_knows() -> None:
    ledger = Ledger("a", 0.0)
    found = stamped(identity(10.0), ledger, 30.0)
    assert (found.instance, found.up, found.ceiling) == ("own", 20.0, 300)
    assert found.knows == KnownNodes((KnownPeer(URL),))
    found = stamped(identity(heard="b", at=29.0), ledger, 30.0)
    assert found.knows == KnownNodes((KnownPeer(URL, "b", "run of b", 1.0),))


def test_a_node_that_was_ever_heard_is_known_for_good() -> None:
    ledger = Ledger("a", 0.0)
    assert identity(heard="b").meet(ledger)
    assert not identity(heard="b").meet(ledger)
    assert not identity().meet(ledger)
    again = restored(ledger.dump(5.0), 100.0)
    assert owner_of(again.dump(100.0)) == ("a", (KnownPeer(URL, "b"),))
    alone = Identity("own", 0.0, Peers("a", Failover()), lambda: None)
    assert stamped(alone, again, 100.0).knows == KnownNodes((KnownPeer(URL, "b"),))
    # It is renamed: both names are known.
    assert identity(heard="b2").meet(again)
    knows = stamped(identity(heard="b2"), again, 100.0).knows
    assert isinstance(knows, KnownNodes)
    assert {peer.node for peer in knows.peers} == {"b", "b2"}


def test_a_node_that_is_declared_dead_is_so_until_it_is_heard() -> None:
    ledger = Ledger("a", 0.0)
    identity(heard="b", at=10.0).meet(ledger)
    ledger.retire_node("b", 20.0)
    assert not identity(heard="b", at=10.0).meet(ledger)
    again = restored(ledger.dump(30.0), 100.0)
    assert again.known(100.0).retired == (Retired("b", 10.0),)
    assert identity(heard="b", at=101.0).meet(again)
    assert again.known(102.0).retired == ()


def test_a_node_that_was_declared_dead_by_mistake_is_missed_again() -> None:
    ledger = Ledger("a", 0.0)
    ledger.retire_node("b", 20.0)
    with pytest.raises(StateError, match="c has not been declared dead on this node"):
        ledger.revive_node("c")
    ledger.revive_node("b")
    assert restored(ledger.dump(30.0), 100.0).known(100.0).retired == ()


def test_a_ledger_that_calls_its_own_node_dead_is_wrong() -> None:
    """It may be a copy of another node's, or of an earlier version: the node runs."""
    ledger = Ledger("a", 0.0)
    ledger.retire_node("a", 20.0)
    assert ledger.known(30.0).retired == ()
    assert restored(ledger.dump(30.0), 100.0).known(100.0).retired == ()


def test_the_past_that_is_declared_is_that_of_this_account() -> None:
    ledger = Ledger("a", 0.0)
    ledger.declare_past(60)
    again = restored(ledger.dump(1.0), 100.0)
    assert again.report(100.0).before == 60
    again.distrust(200.0)
    assert again.report(200.0).before is None


def test_a_past_that_contradicts_what_the_node_knows_is_refused() -> None:
    """A routine "declare past --ttl 0s" must not make up for what the node itself gave out."""
    ledger = Ledger("a", 0.0)
    ledger.note(rrset("www.example.com.", "A", [bytes((192, 0, 2, 1))]), 50.0, 300)
    ledger.declare_past(0)
    again = restored(ledger.dump(60.0), 100.0)
    again.distrust(100.0)
    again = restored(again.dump(101.0), 200.0)
    with pytest.raises(StateError, match="TTLs of up to 300 s"):
        again.declare_past(299)
    again.note(rrset("new.example.com.", "A", [bytes((192, 0, 2, 1))]), 201.0, 600)
    again.declare_past(300)
    assert again.report(201.0).before == 300


def test_each_run_has_another_name() -> None:
    assert instance_of(7, 1) == instance_of(7, 1)
    assert len({instance_of(7, 1), instance_of(7, 2), instance_of(8, 1)}) == 3


# -- commands ---------------------------------------------------------------------------------


def run(command: Awaitable[object]) -> None:
    async def running() -> None:
        await command

    asyncio.run(running())


def new_node(directory: Path) -> Site:
    """A node that was redeployed: it has lost its account."""
    site = Site(directory)
    (directory / "ledger").unlink()
    site.begin()
    site.load(Content((("www", "192.0.2.2", 60),)))
    site.reach()
    return site


def test_a_node_that_was_redeployed_with_another_zone_is_not_safe_at_once(tmp_path: Path) -> None:
    """Caches hold what the zone had before, with a TTL that is not in it any more."""
    site = new_node(tmp_path / "state")
    found = site.about("192.0.2.1")
    assert found.safety == Safety.UNKNOWN
    assert "no node knows 192.0.2.1" in found.reasons[0]
    asyncio.run(site.horizon.declare_past(300))
    site.now += 299.0
    assert site.about("192.0.2.1").safety == Safety.UNKNOWN
    site.now += 1.0 + MARGIN_S
    assert site.about("192.0.2.1").safety == Safety.SAFE


def test_what_is_declared_is_on_disk_or_said_not_to_be(tmp_path: Path) -> None:
    site = new_node(tmp_path / "state")
    site.horizon = Horizon(site.keeper, site.sweep)
    asked = commands(site.horizon)
    run(asked["declare_dead"]({"node": "b", "ago": 10}))
    run(asked["declare_past"]({"ttl": 5}))
    stored = restored((tmp_path / "state/ledger").read_bytes(), 0.0)
    assert stored.known(0.0).retired == (Retired("b", 10.0),)
    assert stored.report(0.0).before == 5
    run(asked["declare_alive"]({"node": "b"}))
    stored = restored((tmp_path / "state/ledger").read_bytes(), 0.0)
    assert stored.known(0.0).retired == ()
    with pytest.raises(AdminError, match="declared dead: none"):
        run(asked["declare_alive"]({"node": "b"}))
    with pytest.raises(AdminError, match="a is this node, and it runs"):
        run(asked["declare_dead"]({"node": "a", "ago": 10}))
    with disk() as there:
        there.full = True
        with pytest.raises(AdminError, match="a restart forgets it"):
            run(asked["declare_past"]({"ttl": 5}))
    site.keeper.ledger.distrust(site.now)
    site.keeper.ledger.note(everything("example.com."), site.now, 60)
    with pytest.raises(AdminError, match="declare 60s or more"):
        run(asked["declare_past"]({"ttl": 5}))


@pytest.mark.parametrize(
    ("command", "request_"),
    [
        ("declare_dead", {"ago": 1}),
        ("declare_dead", {"node": "", "ago": 1}),
        ("declare_dead", {"node": "b", "ago": -1}),
        ("declare_dead", {"node": "b", "ago": "1"}),
        ("declare_alive", {"node": ""}),
        ("declare_past", {"ttl": True}),
        ("declare_past", {}),
    ],
)
def test_what_cannot_be_declared(tmp_path: Path, command: str, request_: dict[str, object]) -> None:
    with pytest.raises(AdminError, match="must be"):
        run(commands(new_node(tmp_path / "state").horizon)[command](request_))


def test_the_commands_of_an_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(declare, "ask", lambda _path, *what, **more: given.append((what, more)))
    invoke = CliRunner().invoke
    assert invoke(declare.declare, ["dead", "b", "--since", "10m"]).exit_code == 0
    assert invoke(declare.declare, ["alive", "b"]).exit_code == 0
    assert invoke(declare.declare, ["past", "--ttl", "0s"]).exit_code == 0
    assert given == [
        (("declare_dead",), {"node": "b", "ago": 600.0}),
        (("declare_alive",), {"node": "b"}),
        (("declare_past",), {"ttl": 0.0}),
    ]
    assert invoke(declare.declare, ["dead", "b", "--since", "3000-01-01T00:00:00"]).exit_code == 2
    assert invoke(declare.declare, ["past"]).exit_code == 2
