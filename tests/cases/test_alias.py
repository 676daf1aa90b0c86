"""An apex that follows the addresses of a CDN: over changes, failures and restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.resolver import Resolver, running
from tests.services import services
from tests.support import Node, make_node, remember, until, zone

CDN, OTHER = "cdn.example.net.", "cdn.example.org."
ONE, TWO, THREE = "198.51.100.1", "198.51.100.2", "198.51.100.3"
IN_FILE = "192.0.2.1"
TTL = 600
ALIAS = f"""\
[[alias]]
name = "@"
target = "{CDN}"
networks = ["198.51.100.0/24"]
ttl_min = 1
"""


@contextmanager
def scene(policy: str = ALIAS) -> Iterator[tuple[Node, Resolver]]:
    records = zone(1, f"@ {TTL} A {IN_FILE}", f"www {TTL} CNAME {CDN}")
    with running() as resolver, make_node({"example.test": records}) as node:
        text = policy.replace("ttl_min", f'resolver = ["{resolver.endpoint}"]\nttl_min', 1)
        (node.zones / "example.test.toml").write_text(text)
        remember(node)
        yield node, resolver


def follows(node: Node, *addresses: str) -> None:
    until(lambda: node.addresses("example.test") == {*addresses}, f"{addresses} are answered")


def builds(node: Node) -> int:
    return sum("zone example.test. loaded" in line for line in node.lines)


def test_it_follows_and_goes_on_after_a_restart() -> None:
    with scene() as (node, resolver):
        node.start()
        node.wait_ready()
        follows(node, IN_FILE)
        resolver.records[CDN, "A"] = ([TWO, ONE], 5)
        follows(node, ONE, TWO)
        (rrset,) = node.query("example.test").answer
        assert rrset.ttl == 5
        resolver.records[CDN, "A"] = ([THREE, "10.0.0.1"], 5)
        follows(node, THREE)
        (alias,) = node.status()["aliases"]
        assert (alias["name"], alias["source"], alias["fault"]) == ("example.test.", CDN, "")
        until(lambda: builds(node) == 2, "each change was built once")
        shown = node.run("status", "--config", str(node.config)).stdout
        assert THREE in shown
        explained = node.run("explain", "example.test", "--config", str(node.config)).stdout
        assert f"the addresses of {CDN}" in explained
        assert "as the node resolved them last" in explained
        assert "DISAGREEMENT" not in explained
        done = node.run("horizon", "example.test", "A", "--json", "--config", str(node.config))
        assert json.loads(done.stdout)["safety"] == "wait"
        assert IN_FILE in done.stdout
        done = node.run("horizon", IN_FILE, "--config", str(node.config))
        assert "while its target cannot be resolved" in " ".join(done.stdout.split())
        done = node.run("horizon", "--to", CDN, "--json", "--config", str(node.config))
        assert f"example.test. A → {THREE}, {CDN}" in json.loads(done.stdout)["reasons"][0]
        node.stop()
        resolver.records.clear()
        asked = len(resolver.asked)
        node.start()
        node.wait_line("dnsd: ready on", after=len(node.lines))
        follows(node, THREE)
        until(lambda: len(resolver.asked) > asked, "it is asked again")
        until(lambda: node.status()["aliases"][0]["fault"], "it does not exist any more")
        assert node.addresses("example.test") == {THREE}


def test_two_targets_with_checks() -> None:
    with services("127.0.0.2", "127.0.0.3") as (port, backends):
        pool = f"""
[[pool]]
name = "www"
type = "CNAME"
members = ["{CDN}", "{OTHER}"]
check_addresses = {{ "{CDN}" = "127.0.0.2", "{OTHER}" = "127.0.0.3" }}
check = "http"
port = {port}
interval = "300ms"
timeout = "250ms"
fast_interval = "250ms"
down = 2
ok = 1
up = 2
"""
        with scene(ALIAS.replace(f'target = "{CDN}"', 'target = "www.example.test."') + pool) as (
            node,
            resolver,
        ):
            resolver.records[CDN, "A"] = ([ONE], 300)
            resolver.records[OTHER, "A"] = ([TWO], 300)
            node.start()
            node.wait_ready()
            follows(node, ONE)
            backends["127.0.0.2"].set("dies")
            follows(node, TWO)
            (alias,) = json.loads(
                node.run("status", "--json", "--config", str(node.config)).stdout
            )["aliases"]
            assert (alias["target"], alias["source"]) == ("www.example.test.", OTHER)
