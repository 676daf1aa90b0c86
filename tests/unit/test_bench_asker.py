"""Our own load generators: what they say is read right, and what they ask is a DNS query."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import threading
from pathlib import Path

import dns.message
import pytest

from bench import asker, verify, wire
from bench.asker import Askers
from bench.run import LoadError
from bench.zonegen import ORIGIN, Mix, ZonePlan

RCODES = " ".join(f"rcode{number}={7 if number in {0, 9} else 0}" for number in range(16))
LINE = f"seconds=2.0 sent=30 received=14 lost=15 p50=10.5 p99=20.0 p999=30.0 {RCODES}"


def test_lines_of_figures_are_read() -> None:
    before, during = asker.parse(f"window=0 {LINE} max=99.5\nwindow=1 {LINE}\nchanged=0.5\n")
    assert (before.sent, before.received, before.lost, before.p99) == (30, 14, 15, 20.0)
    assert before.qps == 7.0
    assert before.loss == 0.5
    assert before.rcodes == {"NOERROR": 7, "RCODE9": 7}
    assert (before.max, during.max) == (99.5, 30.0)


def test_no_figures_are_an_error_that_shows_the_output() -> None:
    with pytest.raises(LoadError, match="bind: Address in use"):
        asker.parse("bind: Address in use\n")


@pytest.mark.parametrize("edns", [True, False])
def test_messages_are_queries(tmp_path: Path, edns: bool) -> None:
    queries = list(ZonePlan(names=10).queries(Mix.EXACT, 5))
    wire.write(tmp_path / "messages", ORIGIN, queries, edns=edns)
    data = (tmp_path / "messages").read_bytes()
    asked = []
    while data:
        (length,) = struct.unpack_from("!H", data)
        message = dns.message.from_wire(data[2 : 2 + length])
        assert message.edns == (0 if edns else -1)
        asked.append(message.question[0].to_text())
        data = data[2 + length :]
    assert asked == [f"{ORIGIN} IN SOA", *(f"{query.name} IN A" for query in queries)]


@pytest.fixture(scope="module")
def askers(tmp_path_factory: pytest.TempPathFactory) -> Askers:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    found = Askers(tmp_path_factory.mktemp("askers"), (max(os.sched_getaffinity(0)),))
    found.build()
    queries = ZonePlan(names=10).queries(Mix.EXACT, 5)
    wire.write(found.directory / "messages", ORIGIN, queries, edns=True)
    return found


def test_udp_counts_answers_and_losses(askers: Askers) -> None:
    port = verify.free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", port))
        thread = threading.Thread(target=_answer_some, args=(server, 30))
        thread.start()
        found = askers.udp(port, askers.directory / "messages", 0.3, 100, 50)
        thread.join()
    assert found.sent > 20
    assert found.received + found.lost == found.sent
    assert found.rcodes == {"NXDOMAIN": found.received}
    assert 0 < found.p50 <= found.p99 <= found.p999


def _answer_some(server: socket.socket, count: int) -> None:
    """Answer the first ``count`` queries with NXDOMAIN, leave the others."""
    server.settimeout(0.5)
    try:
        for _ in range(count):
            packet, client = server.recvfrom(4096)
            server.sendto(packet[:2] + b"\x84\x03" + packet[4:], client)
    except TimeoutError:
        return


def test_tcp_asks_once_on_each_connection(askers: Askers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()
        thread = threading.Thread(target=_answer_once, args=(server, stop))
        thread.start()
        port = server.getsockname()[1]
        found = askers.tcp(port, askers.directory / "messages", 0.2, 2)
        stop.set()
        thread.join()
    assert found.received > 0
    assert found.rcodes == {"NOERROR": found.received}
    assert found.sent - found.received in range(3)


def _answer_once(server: socket.socket, stop: threading.Event) -> None:
    server.settimeout(0.1)
    while not stop.is_set():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        # The client breaks off what is under way when its time is up.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(1)
            query = connection.recv(4096)
            if query:
                connection.sendall(query[:4] + b"\x84\x00" + query[6:])
                connection.recv(1)
