"""A pool of a zone that is transferred: its policy is here, its members come by transfers."""

from __future__ import annotations

import pytest

from tests.cases.test_failover import ORIGIN, POLICY, A, B, C, Cluster
from tests.services import services
from tests.serving import free_port
from tests.support import make_node, until, zone

PRIMARY = """
[[zone]]
name = "{origin}"
notify = [{{ address = "127.0.0.1", port = {port} }}]
allow_transfer = [{{ network = ["127.0.0.1"] }}]
"""
SECONDARY = """
[[zone]]
name = "{origin}"
primaries = [{{ address = "127.0.0.1", port = {port} }}]
"""


def text(serial: int, *members: str) -> str:
    return zone(serial, *(f"www 30 IN A {member}" for member in members))


def test_members_that_transfers_bring_and_take_are_as_those_of_an_edit() -> None:
    ours, theirs = free_port(), free_port()
    with (
        services(A, B, C) as (port, found),
        make_node({ORIGIN: text(1, A, B)}, tail=PRIMARY.format(origin=ORIGIN, port=ours)) as there,
        make_node(tail=SECONDARY.format(origin=ORIGIN, port=theirs)) as here,
    ):
        for node, at in ((there, theirs), (here, ours)):
            node.config.write_text(node.config.read_text().replace(f":{node.port}", f":{at}", 1))
            node.port = at
        (here.zones / f"{ORIGIN}.toml").write_text(POLICY.format(port=port, more=""))
        there.start()
        there.wait_ready()
        one = Cluster(here, port, found)
        one.start()
        until(lambda: here.admin("failover")["pools"], "the zone is fetched")
        for member in (A, B):
            one.wait_state(member, "up")
        found[A].set("dies")
        one.wait(B)
        since = one.member(A)["since"]
        there.replace(ORIGIN, text(2, A, B, C))
        one.wait(B, C)
        assert one.member(A)["since"] == pytest.approx(since, abs=0.1)
        there.replace(ORIGIN, text(3, A, C))
        one.wait(C)
        assert {member["address"] for member in one.pool()["members"]} == {A, C}
        found[A].set("lives")
        one.wait(A, C)
