"""dnsd as the primary of other servers: whole zones, changes, keys, NOTIFY, TLS."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from tests.certificates import Authority
from tests.conftest import needs
from tests.interop.peers import HOST
from tests.interop.secondaries import (
    KEY,
    BindSecondary,
    KnotSecondary,
    NsdSecondary,
    PowerDnsSecondary,
    SecondaryPeer,
)
from tests.serving import free_port
from tests.support import Node, make_node, remember, until, zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONE = "example.org"
KINDS: list[type[SecondaryPeer]] = [KnotSecondary, NsdSecondary, BindSecondary]


def text(serial: int, hosts: int = 300) -> str:
    """Return a zone whose first host changes with each serial."""
    lines = [
        "$TTL 300",
        f"@ SOA ns hostmaster {serial} 3600 600 864000 300",
        "@ NS ns",
        "ns A 192.0.2.1",
        f"h0 A 192.0.2.{serial % 200}",
        *(f"h{number} A 192.0.2.7" for number in range(1, hosts)),
        *(f't{number} TXT "a text that takes some room: {number}"' for number in range(hosts)),
    ]
    return "\n".join([*lines, ""])


class Primary:
    """A node that gives its zone to whoever has the key."""

    def __init__(self, node: Node, secret: str, tls: int, authority: Path) -> None:
        self.node, self.secret, self.tls, self.authority = node, secret, tls, authority

    def begin(self, notified: list[int], directory: Path, may: str = f'key = "{KEY}"') -> None:
        """Start it with the ports of the secondaries that are to be told, and who may fetch."""
        (directory / "secret").write_text(self.secret + "\n")
        (directory / "secret").chmod(0o600)
        key = f', key = "{KEY}"' if "key" in may else ""
        told = ", ".join(f'{{ address = "{HOST}", port = {port}{key} }}' for port in notified)
        with self.node.config.open("a") as config:
            config.write(f"""
[[key]]
name = "{KEY}"
secret_file = "{directory}/secret"
[transfers]
allow_transfer = [{{ {may} }}]
notify = [{told}]
tls_listen = ["{HOST}:{self.tls}"]
tls_certificate = "{directory}/xot.pem"
""")
        self.node.start()
        self.node.wait_ready()

    def row(self) -> Any:
        """Return what there is to tell of the zone."""
        (row,) = self.node.admin("zone", what="status", zone=ZONE)
        return row

    def dig(self, *arguments: str) -> str:
        """Run kdig."""
        command = ["kdig", f"@{HOST}", "-p", str(self.node.port), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        return ended.stdout + ended.stderr


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Primary]:
    authority = Authority(tmp_path)
    pair = authority.pair()
    (tmp_path / "xot.pem").write_bytes(pair.read_bytes())
    secret = base64.b64encode(os.urandom(32)).decode()
    with make_node({ZONE: text(1)}) as node:
        yield Primary(node, secret, free_port(), authority.file)


def serial_at(port: int) -> int | None:
    try:
        found = dns.query.udp(dns.message.make_query(ZONE, "SOA"), HOST, timeout=0.5, port=port)
    except (OSError, dns.exception.DNSException):
        return None
    for rrset in found.answer:
        if rrset.rdtype == dns.rdatatype.SOA:
            return int(rrset[0].serial)
    return None


def follow(primary: Primary, peers: list[SecondaryPeer], tmp_path: Path) -> None:
    """Have the secondaries fetch the zone, then a change that they are told of."""
    with ExitStack() as stack:
        for peer in peers:
            peer.authority = primary.authority
            stack.enter_context(peer)
        primary.begin([peer.port for peer in peers], tmp_path)
        for peer in peers:
            peer.wait(lambda peer=peer: serial_at(peer.port) == 1, "fetched")  # type: ignore[misc]
        for serial in (2, 3):
            primary.node.write(ZONE, text(serial))
            for peer in peers:
                peer.wait(
                    lambda peer=peer, serial=serial: serial_at(peer.port) == serial,  # type: ignore[misc]
                    f"following to {serial}",
                )
        row = primary.row()
        assert row["serial"] == 3
        told = [value for key, value in row.items() if key.startswith("notify ")]
        assert told == ["told (3)"] * len(peers)


@needs("knotd", "nsd", "named")
def test_secondaries_fetch_and_follow(primary: Primary, tmp_path: Path) -> None:
    port = primary.node.port
    peers = [kind(tmp_path / kind.__name__, ZONE, port, primary.secret) for kind in KINDS]
    follow(primary, peers, tmp_path)


@needs("nsd", "named")
def test_over_tls(primary: Primary, tmp_path: Path) -> None:
    peers: list[SecondaryPeer] = [
        kind(tmp_path / kind.__name__, ZONE, primary.node.port, primary.secret, tls=primary.tls)
        for kind in (NsdSecondary, BindSecondary)
    ]
    follow(primary, peers, tmp_path)


@needs("kdig")
def test_clients_with_and_without_the_key(primary: Primary, tmp_path: Path) -> None:
    primary.begin([], tmp_path)
    key = ("-y", f"hmac-sha256:{KEY}:{primary.secret}")
    until(lambda: "SERVFAIL" not in primary.dig("AXFR", ZONE, *key), "all workers answer from it")
    whole = primary.dig("AXFR", ZONE, *key)
    assert whole.count("\tA\t") == 301
    assert ";; WARNING" not in whole
    assert "TSIG error" not in whole
    bare = dns.message.make_query(ZONE, "AXFR")
    refused = dns.query.tcp(bare, HOST, port=primary.node.port, timeout=5)
    assert refused.rcode() == dns.rcode.REFUSED
    wrong = ("-y", f"hmac-sha256:{KEY}:{base64.b64encode(bytes(32)).decode()}")
    assert "BADSIG" in primary.dig("SOA", ZONE, *wrong)
    signed = primary.dig("SOA", ZONE, *key)
    assert "NOERROR" in signed
    assert "hostmaster" in signed
    over_tls = subprocess.run(
        ["kdig", f"@{HOST}", "-p", str(primary.tls), "+tls", "AXFR", ZONE, *key],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert over_tls.count("\tA\t") == 301
    primary.node.write(ZONE, text(2))
    until(lambda: primary.row()["differences_kept"] == 1, "the change is kept")
    changes = primary.dig("IXFR=1", ZONE, *key)
    assert changes.count("SOA") >= 4
    assert changes.count("\tA\t") == 2, changes


@needs("pdns_server")
def test_powerdns_fetches_and_follows(primary: Primary, tmp_path: Path) -> None:
    """Its BIND backend has no keys: it may fetch because of its address."""
    peer = PowerDnsSecondary(tmp_path / "pdns", ZONE, primary.node.port, primary.secret)
    with peer:
        primary.begin([peer.port], tmp_path, f'network = "{HOST}"')
        peer.wait(lambda: serial_at(peer.port) == 1, "fetched")
        primary.node.write(ZONE, text(2))
        peer.wait(lambda: serial_at(peer.port) == 2, "following")


POOL = '[[pool]]\nname = "www"\ntype = "A"\ncheck = "none"\nttl_min = "1s"\n'


def with_pool(serial: int, *members: str) -> str:
    return zone(serial, *(f"www 1 IN A {member}" for member in members))


@needs("nsd")
def test_nothing_is_safe_that_a_secondary_still_answers(primary: Primary, tmp_path: Path) -> None:
    """A pool is transferred with all members: there it is an RRset, whatever is ordered here."""
    one, two = "192.0.2.1", "192.0.2.2"
    node = primary.node
    node.write(ZONE, with_pool(1, one, two))
    (node.zones / f"{ZONE}.toml").write_text(POOL)

    def asked() -> tuple[str, str]:
        done = node.run("horizon", one, "--json", "--config", str(node.config))
        found = json.loads(done.stdout)
        return found["safety"], found["reasons"][0]

    with NsdSecondary(tmp_path / "nsd", ZONE, node.port, primary.secret) as nsd:
        remember(node)
        primary.begin([nsd.port], tmp_path)
        nsd.wait(lambda: serial_at(nsd.port) == 1, "fetched")
        node.admin("force", name=f"www.{ZONE}", type="A", member=one, forced="down")
        there = f"secondary {HOST}:{nsd.port} of {ZONE}."
        until(lambda: asked()[1].startswith(f"{there} answers with www.{ZONE}"), "WAIT")
        assert asked()[0] == "wait"
        node.replace(ZONE, with_pool(2, two))
        nsd.wait(lambda: serial_at(nsd.port) == 2, "followed")
        until(lambda: asked()[1].startswith("caches may hold it"), "only caches have it")
