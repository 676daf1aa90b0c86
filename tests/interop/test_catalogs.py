"""Catalog zones between dnsd and Knot, and BIND: each as producer and as consumer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.conftest import needs
from tests.interop.catalogs import (
    CATALOG,
    BindConsumer,
    BindProducer,
    Consumer,
    KnotConsumer,
    KnotProducer,
    Producer,
    zone_text,
)
from tests.interop.peers import HOST
from tests.interop.primaries import KEY, SECRET
from tests.support import Node, make_node, until

if TYPE_CHECKING:
    from pathlib import Path


def serial_at(port: int, zone: str) -> int | None:
    """Return the serial that the server at ``port`` answers, None if it does not."""
    try:
        found = dns.query.udp(dns.message.make_query(zone, "SOA"), HOST, timeout=0.5, port=port)
    except (OSError, dns.exception.DNSException):
        return None
    has_it = found.rcode() == dns.rcode.NOERROR and found.answer
    return int(found.answer[0][0].serial) if has_it else None


def has(port: int, zones: set[str], not_these: set[str]) -> bool:
    """Tell whether the server at ``port`` answers ``zones``, and not others."""
    return all(serial_at(port, zone) for zone in zones) and not any(
        serial_at(port, zone) for zone in not_these
    )


def configure(node: Node, directory: Path, more: str) -> None:
    """Give ``node`` the key and ``more``."""
    secret = directory / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    with node.config.open("a") as config:
        config.write(f'\n[[key]]\nname = "{KEY}"\nsecret_file = "{secret}"\n{more}')


def consume(producer: Producer) -> str:
    """Return the configuration of a node that consumes what ``producer`` gives."""
    primary = f'primaries = [{{ address = "{HOST}", port = {producer.port}, key = "{KEY}" }}]'
    return f"""\
[[catalog]]
name = "{CATALOG}"
{primary}
template = "plain"
groups = {{ given = "given" }}
[[template]]
name = "plain"
{primary}
[[template]]
name = "given"
{primary}
allow_transfer = [{{ key = "{KEY}" }}]
"""


@needs("knotd", "named")
@pytest.mark.parametrize("kind", [KnotProducer, BindProducer])
def test_dnsd_consumes(kind: type[Producer], tmp_path: Path) -> None:
    with make_node({}) as node:
        producer = kind(tmp_path / "peer", node.port, {"a.test.": "given", "b.test.": "none"})
        with producer:
            configure(node, tmp_path, consume(producer))
            node.start()
            node.wait_ready()
            until(lambda: has(node.port, {"a.test.", "b.test."}, set()), "members are served")
            rows = {row["zone"]: row for row in node.admin("zone", what="status")}
            assert rows["a.test."]["template"] == "given"
            assert rows["b.test."]["template"] == "plain"
            assert rows[CATALOG]["members"] == 2
            producer.have({"b.test.": "none", "c.test.": "given"})
            until(lambda: has(node.port, {"b.test.", "c.test."}, {"a.test."}), "it follows")
        node.stop()
        before = len(node.lines)
        node.start()  # and no primary is there
        node.wait_line("ready on", before)
        assert has(node.port, {"b.test.", "c.test."}, {"a.test."})


@needs("knotd", "named")
@pytest.mark.parametrize("kind", [KnotConsumer, BindConsumer])
def test_dnsd_produces(kind: type[Consumer], tmp_path: Path) -> None:
    with make_node({"a.test": zone_text(), "b.test": zone_text()}) as node:
        consumer = kind(tmp_path / "peer", node.port)
        with consumer:
            configure(
                node,
                tmp_path,
                f"""\
[[catalog]]
name = "{CATALOG}"
produce = true
exclude = ["b.test"]
[transfers]
allow_transfer = [{{ key = "{KEY}" }}]
notify = [{{ address = "{HOST}", port = {consumer.port}, key = "{KEY}" }}]
""",
            )
            node.start()
            node.wait_ready()
            until(lambda: has(consumer.port, {"a.test."}, {"b.test."}), "it has the zones")
            node.write("c.test", zone_text())
            until(lambda: has(consumer.port, {"a.test.", "c.test."}, {"b.test."}), "it follows")
            (node.zones / "a.test.zone").unlink()
            until(lambda: has(consumer.port, {"c.test."}, {"a.test."}), "it follows again")
