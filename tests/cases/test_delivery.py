"""An answer arrives in time or never: paths that drop and heal, workers that are stopped.

What the horizon adds to every bound (:mod:`dnsd.wire.delivery`) is held against real sockets.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dnsd import hotpath
from dnsd.wire import delivery
from tests.netspace import Space
from tests.serving import PATIENCE, framed
from tests.worker import ZONE, WorkerNode

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("nft", "ip")

SERVER, CLIENT = "198.51.100.1", "198.51.100.2"
QUERY = b"\x1a\x2b\0\0\0\1\0\0\0\0\0\0" + ZONE + b"\0\6\0\1"
LONGER = delivery.MARGIN_S + 4
"""Seconds after which the path heals: retransmission would still go on."""


class Site:
    """A worker and a client, each in a namespace, with a cable in between."""

    def __init__(self, directory: Path, server: Space, client: Space) -> None:
        self._client = client
        self.server = server
        server.join(client, "to-client", "to-server")
        server.ip("link set lo up", f"addr add {SERVER}/24 dev to-client")
        client.ip(f"addr add {CLIENT}/24 dev to-server")
        self.node = WorkerNode(directory, SERVER)
        server(self.node.begin)

    def socket(self, kind: socket.SocketKind) -> socket.socket:
        """A socket in the client's namespace, connected to the worker."""
        sock: socket.socket = self._client(socket.socket, socket.AF_INET, kind)
        sock.settimeout(PATIENCE)
        sock.connect((SERVER, self.node.port))
        return sock

    def drop_answers(self) -> None:
        """Have the client's end drop what the worker sends over TCP."""
        self._client.run("nft", "add table ip path")
        self._client.run(
            "nft",
            "add chain ip path input { type filter hook input priority 0; }",
        )
        self._client.run("nft", f"add rule ip path input tcp sport {self.node.port} drop")

    def drop_address_resolution(self) -> None:
        """Have the client's end answer no ARP request; it needs none itself."""
        (link,) = json.loads(self.server.run("ip", "-json", "link", "show", "to-client").stdout)
        there = link["address"]
        self._client.ip(f"neigh replace {SERVER} lladdr {there} dev to-server nud permanent")
        self.server.ip("neigh flush dev to-client")
        self._client.run("nft", "add table arp path")
        self._client.run("nft", "add chain arp path input { type filter hook input priority 0; }")
        self._client.run("nft", "add rule arp path input drop")

    def heal(self) -> None:
        self._client.run("nft", "flush ruleset")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Space() as server, Space() as client:
        found = Site(tmp_path, server, client)
        yield found
        found.node.close()


def asked_over_tcp(site: Site) -> socket.socket:
    """A connection over which one query was answered; the answer to a second one is on its way."""
    client = site.socket(socket.SOCK_STREAM)
    client.sendall(framed(QUERY))
    assert client.recv(4096)
    site.drop_answers()
    before = site.node.count("responses_tcp")
    client.sendall(framed(QUERY))
    site.node.until(lambda: site.node.count("responses_tcp") > before)
    return client


def arrives(client: socket.socket) -> bool:
    """Whether there is an answer, sooner or later."""
    client.settimeout(5)
    try:
        return bool(client.recv(4096))
    except (ConnectionResetError, TimeoutError):
        return False


def test_tcp_answer_that_was_held_up_is_never_delivered(site: Site) -> None:
    with asked_over_tcp(site) as client:
        time.sleep(LONGER)
        site.heal()
        assert not arrives(client)


def test_tcp_answer_of_a_stopped_worker_is_never_delivered_late(site: Site) -> None:
    with asked_over_tcp(site) as client:
        site.node.signal(signal.SIGSTOP)
        time.sleep(LONGER)
        site.heal()
        found = arrives(client)
        site.node.signal(signal.SIGCONT)
        assert not found


def test_tcp_answer_of_a_killed_worker_is_never_delivered(site: Site) -> None:
    with asked_over_tcp(site) as client:
        site.node.signal(signal.SIGKILL)
        time.sleep(0.1)
        site.heal()
        assert not arrives(client)


@pytest.mark.parametrize(
    ("heals", "arrived"), [(delivery.NEIGHBOUR_S - 1.5, True), (delivery.NEIGHBOUR_S + 0.5, False)]
)
def test_udp_answer_waits_for_a_neighbour_no_longer_than_that(
    site: Site, heals: float, arrived: bool
) -> None:
    site.drop_address_resolution()
    with site.socket(socket.SOCK_DGRAM) as client:
        client.send(QUERY)
        site.node.until(lambda: site.node.count("responses_udp"))
        time.sleep(heals)
        site.heal()
        assert arrives(client) == arrived


STOPPED_WHILE_ANSWERING = """
import os, signal, sys
from dnsd.hotpath import chaos
answer = chaos.answer
def stopping(*arguments):
    os.kill(os.getpid(), signal.SIGSTOP)
    return answer(*arguments)
chaos.answer = stopping
from dnsd.serve.__main__ import main
main()
"""
CHAOS = b"\0\1\0\0\0\1\0\0\0\0\0\0\2id\6server\0\0\20\0\3"


@pytest.mark.parametrize("twin", ["python", "native"])
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("stop", [0.0, delivery.SENT_WITHIN_S + 0.3])
def test_udp_answer_of_a_worker_that_was_stopped_before_it_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twin: str, address: str, stop: float
) -> None:
    """Several queries wait, so that the native twin takes them in one batch."""
    if twin == "native":
        pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")
    monkeypatch.setenv(hotpath.VARIABLE, twin)
    node = WorkerNode(tmp_path, address)
    node.publish_epoch({ZONE: node.image(ZONE, 1)})
    node.start("-c", STOPPED_WHILE_ANSWERING)
    try:
        node.until(lambda: node.generation == 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", node.port))
            node.signal(signal.SIGSTOP)
            os.waitid(os.P_PID, node.pid, os.WSTOPPED | os.WNOWAIT)
            for packet in (QUERY, CHAOS):
                client.send(packet)
            node.signal(signal.SIGCONT)
            node.until(lambda: stopped(node.pid) and node.count("queries_udp") == 2)
            time.sleep(stop)
            node.signal(signal.SIGCONT)
            found = received(client)
        # the readable twin sends each answer before it takes the next query
        kept = {QUERY[:2]} if twin == "python" else set()
        assert found == (kept if stop else {QUERY[:2], CHAOS[:2]})
        assert node.count("drop_send_late") == (2 - len(kept) if stop else 0)
    finally:
        node.close()


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] == "T"


def received(client: socket.socket) -> set[bytes]:
    """The numbers of the messages that come to ``client``."""
    client.settimeout(0.5)
    found = set()
    with suppress(TimeoutError):
        while True:
            found.add(client.recv(4096)[:2])
    return found
