"""``dnsd zone diff``: what the file would change of what is served, and what has changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support import make_node, start_dnsd, zone

if TYPE_CHECKING:
    from tests.support import Node


def differing(node: Node, *arguments: str, status: int = 4) -> list[str]:
    done = node.run("zone", "diff", *arguments, "--config", str(node.config))
    assert done.returncode == status, done.stdout + done.stderr
    return [line.replace("\t", " ") for line in done.stdout.splitlines()]


EDIT = ("new A 192.0.2.9", "ns A 192.0.2.77")


def test_a_zone_that_others_may_fetch_is_compared_record_by_record() -> None:
    given = '[transfers]\nallow_transfer = [{ network = ["127.0.0.1"] }]\n'
    with start_dnsd({"example.com": zone(3)}, poll="1h", tail=given) as node:
        assert differing(node, "example.com", status=0) == []
        file = node.zones / "example.com.zone"
        file.write_text(zone(4, *EDIT))
        lines = differing(node, "EXAMPLE.com")
        assert [line for line in lines if " SOA " not in line] == [
            "+ new.example.com. 60 IN A 192.0.2.9",
            "+ ns.example.com. 60 IN A 192.0.2.77",
        ]
        assert [line[0] for line in lines if " SOA " in line] == ["-", "+"]
        assert node.run("reload", "example.com", "--config", str(node.config)).returncode == 0
        assert differing(node, "example.com", status=0) == []
        assert sorted(differing(node, "example.com", "--since", "3")) == sorted(lines)
        assert differing(node, "example.com", "--since", "2", status=1) == []


def test_of_another_zone_the_rrsets_are_compared() -> None:
    with start_dnsd({"example.com": zone(3)}, poll="1h") as node:
        file = node.zones / "example.com.zone"
        file.write_text(zone(3, *EDIT))
        lines = differing(node, "example.com")
        assert lines[0] == "- ns.example.com. 60 IN A (served otherwise)"
        assert "+ new.example.com. 60 IN A 192.0.2.9" in lines
        assert "+ ns.example.com. 60 IN A 192.0.2.77" in lines
        said = node.run("zone", "diff", "example.com", "--json", "--config", str(node.config))
        assert len(json.loads(said.stdout)["lines"]) == len(lines)
        file.write_text(zone(3).replace("ns IN A", "ns IN AAAA 2001:db8::1 ;"))
        assert differing(node, "example.com") == [
            "- ns.example.com. 60 IN A (served, not in the file)",
            "+ ns.example.com. 60 IN AAAA 2001:db8::1",
        ]
        file.write_text("broken\n")
        assert differing(node, "example.com", status=1) == []
        assert differing(node, "example.org", status=1) == []


POLICY = """\
[[pool]]
name = "pool"
type = "A"
check = "none"
hints = "follow"
"""
POOL = ("pool A 192.0.2.1", "pool A 192.0.2.2", "@ HTTPS 1 pool ipv4hint=192.0.2.1")


def test_what_a_policy_makes_of_a_zone_is_no_difference() -> None:
    given = '[transfers]\nallow_transfer = [{ network = ["127.0.0.1"] }]\n'
    with make_node({"example.com": zone(3, *POOL)}, poll="1h", tail=given) as node:
        (node.zones / "example.com.toml").write_text(POLICY)
        node.start()
        node.wait_ready()
        assert differing(node, "example.com", status=0) == []
