"""Busy is not dead: what costs much is answered, and no worker is replaced for it."""

from __future__ import annotations

import socket
import time

import dns.message

from tests.serving import PATIENCE, framed, unframed
from tests.support import Node, start_dnsd, until, zone

DEAR = 3000
"""Addresses of a name: a truncated answer is dear to whoever composes all of it first."""

SERVER = "heartbeat_miss = 4\ntcp_idle = '2s'\ntcp_per_source = 1000"
"""A worker that makes no progress for 200 ms is killed."""


def dear_zone() -> str:
    many = [f"x.tt A 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(DEAR)]
    return zone(1, "dd DNAME tt", "www A 192.0.2.1", *many)


def all_is_as_it_was(node: Node, workers: list[int]) -> bool:
    said = "\n".join(node.lines)
    return node.workers() == workers and "no sign of life" not in said and "SIGKILL" not in said


def test_256_dear_packets_are_answered_by_the_workers_that_got_them() -> None:
    with (
        start_dnsd({"example.com": dear_zone()}, workers=2, server=SERVER) as node,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        workers = node.workers()
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", node.port))
        query = dns.message.make_query("x.dd.example.com", "A", use_edns=False).to_wire()
        for _ in range(256):
            client.send(query)
        answers = {client.recv(65535)[:4].hex() for _ in range(256)}
        assert answers == {query[:2].hex() + "8700"}, "all of them truncated"
        assert node.addresses("www.example.com") == {"192.0.2.1"}
        assert all_is_as_it_was(node, workers)


def test_a_thousand_connections_that_ask_at_the_idle_limit_cost_no_worker() -> None:
    query = dns.message.make_query("www.example.com", "A").to_wire()
    with start_dnsd({"example.com": dear_zone()}, workers=2, server=SERVER) as node:
        workers = node.workers()
        clients = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(1000)]
        until(lambda: sum(one["tcp_open"] for one in node.status()["workers"]) == 1000)
        time.sleep(1.8)  # the limit is near
        for client in clients:
            client.sendall(framed(*[query] * 8))
        for client in clients:
            client.settimeout(PATIENCE)
            octets = b""
            while octets.count(query[:2]) < 8 and (chunk := client.recv(65535)):
                octets += chunk
            # One that was late, because this machine is busy, has been closed: that is no fault.
            assert len(unframed(octets)) in {0, 8}
            client.close()
        assert all_is_as_it_was(node, workers)
