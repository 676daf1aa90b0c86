"""A name that leads to one of two CDNs: it follows their health, and an operator drains one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import dns.rdatatype
import pytest

from tests.services import Service, services
from tests.support import Node, make_node, remember, until, zone

A, B = "cdn-a.example.net.", "cdn-b.example.org."
ONE, TWO = "127.0.0.2", "127.0.0.3"
TTL = 4
POLICY = f"""\
[[pool]]
name = "www"
type = "CNAME"
members = ["{A}", "{B}"]
check_addresses = {{ "{A}" = "{ONE}", "{B}" = "{TWO}" }}
check = "http"
interval = "300ms"
timeout = "250ms"
fast_interval = "250ms"
down = 2
ok = 1
up = 2
ttl_min = 2
"""


def answered(node: Node) -> tuple[str, int]:
    """Where the name leads, and for how long."""
    message = node.query("www.example.test")
    (rrset,) = message.answer
    assert rrset.rdtype == dns.rdatatype.CNAME
    (rdata,) = rrset
    return rdata.to_text(), rrset.ttl


@contextmanager
def scene() -> Iterator[tuple[Node, dict[str, Service]]]:
    records = zone(1, f"www {TTL} CNAME {A}", "alias CNAME www")
    with (
        services(ONE, TWO) as (port, backends),
        make_node({"example.test": records}) as node,
    ):
        (node.zones / "example.test.toml").write_text(f"{POLICY}port = {port}\n")
        remember(node)
        node.start()
        node.wait_ready()
        yield node, backends


def horizon(node: Node, *question: str) -> str:
    done = node.run("horizon", *question, "--json", "--config", str(node.config))
    found: str = json.loads(done.stdout)["safety"]
    assert (done.returncode == 0) == (found == "safe")
    return found


def test_it_follows_health_and_is_drained() -> None:
    with scene() as (node, backends):
        until(lambda: answered(node) == (A, TTL), "the first one is answered, with the whole TTL")
        assert [one.name.to_text() for one in node.query("alias.example.test", "AAAA").answer] == [
            "alias.example.test.",
            "www.example.test.",
        ]
        backends[ONE].set("dies")
        until(lambda: answered(node)[0] == B, "the other one is answered")
        backends[ONE].set("lives")
        until(lambda: answered(node) == (A, TTL), "the first one is back")
        assert horizon(node, "--to", A) == "wait"
        done = node.run("drain", "member", "CDN-a.example.net", "--config", str(node.config))
        assert done.returncode == 0, done.stdout
        assert f"{A}: SAFE to power off" in done.stdout
        assert answered(node)[0] == B
        assert horizon(node, "--to", A) == "safe"
        assert horizon(node, "--to", B) == "wait"
        shown = node.run("failover", "--config", str(node.config)).stdout
        assert A in shown
        assert B in shown
        done = node.run("undrain", "member", A, "--config", str(node.config))
        assert done.returncode == 0
        until(lambda: answered(node)[0] == A, "it comes back")
        assert horizon(node, "--to", A) == "wait"


@pytest.mark.parametrize("more", ["", f"other {TTL} CNAME {A}"])
def test_what_else_leads_to_a_name_counts(more: str) -> None:
    with scene() as (node, _):
        until(lambda: answered(node) == (A, TTL), "it is answered, with the whole TTL")
        if more:
            node.replace("example.test", zone(2, f"www {TTL} CNAME {A}", more))
            node.wait_serial("example.test", 2)
        node.admin("drain_member", member=A, direct=True, force=True)
        until(lambda: answered(node)[0] == B, "the other one is answered")
        if not more:
            until(lambda: horizon(node, "--to", A) == "safe", "it is safe")
            return
        pool = ("www.example.test", "CNAME")
        until(lambda: node.admin("drained", member=A, name=pool[0], type=pool[1])["safe"], "here")
        assert horizon(node, "--to", A) == "wait"
