"""The table of odd inputs over sockets: the worker answers as promised, and stays what it was.

For each input: the answer of the table or none, exactly one of the watched counters up by
one, and the next plain query answered by the same process.
"""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import pytest

from dnsd.hotpath import Settings, Transport
from dnsd.wire import name
from tests.odd_input import CASES, NOERROR, PLAIN, WATCHED, Case
from tests.parity.samples import sample_nsec
from tests.records import records_of
from tests.serving import PATIENCE, framed
from tests.worker import WorkerNode

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = Settings(
    nsid=b"node", server_id=b"node.example", version=b"dnsd 1", cookie_secrets=(bytes(16),)
)

SHORTEST = 12
"""Octets of a message; over TCP fewer are no message, which the connection's end says."""

OVER_BOTH = [
    case
    for case in CASES
    if case.transport == Transport.UDP
    and case.counter != "odd_transfer"
    and len(case.packet) >= SHORTEST
]
"""The cases that are the same over TCP."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerNode]:
    node = WorkerNode(tmp_path_factory.mktemp("node"), settings=SETTINGS)
    zone = records_of(sample_nsec().zone())
    broken = name.from_text("broken.")
    node.publish_epoch({zone.apex: node.save(zone, "sample"), broken: None})
    node.start()
    node.until(lambda: node.generation == 1)
    yield node
    node.signal(signal.SIGTERM)
    assert node.end() == (0, ""), "no word of it, and no traceback"


def watched(node: WorkerNode) -> dict[str, int]:
    return {counter: node.count(counter) for counter in WATCHED}


def moved(node: WorkerNode, before: dict[str, int]) -> dict[str, int]:
    return {
        counter: count - before[counter]
        for counter, count in watched(node).items()
        if count != before[counter]
    }


def plain(identifier: int) -> bytes:
    """The plain query with an ID of its own, to tell its answer from the case's."""
    return identifier.to_bytes(2, "big") + PLAIN[2:]


def check(case: Case, responses: list[bytes]) -> None:
    """``responses`` must be the case's, if it has one, and that of ``plain(1)``."""
    *first, last = responses
    assert last[:2] == plain(1)[:2]
    assert dns.message.from_wire(last).rcode() == NOERROR
    assert len(first) == (case.rcode is not None)
    for response in first:
        assert response[:2] == case.packet[:2]
        assert dns.message.from_wire(response, keyring=False).rcode() == case.rcode


def over_udp(node: WorkerNode, case: Case) -> list[bytes]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", node.port))
        client.settimeout(PATIENCE)
        client.send(case.packet)
        client.send(plain(1))
        responses = [client.recv(65535)]
        while responses[-1][:2] != plain(1)[:2]:
            responses.append(client.recv(65535))
        return responses


def over_tcp(node: WorkerNode, case: Case) -> list[bytes]:
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE) as client:
        client.sendall(framed(case.packet, plain(1)))
        stream = client.makefile("rb")
        responses: list[bytes] = []
        while not responses or responses[-1][:2] != plain(1)[:2]:
            responses.append(stream.read(int.from_bytes(stream.read(2), "big")))
        stream.close()
        return responses


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.transport == Transport.UDP], ids=lambda case: case.about
)
def test_odd_input_over_udp(node: WorkerNode, case: Case) -> None:
    before = watched(node)
    check(case, over_udp(node, case))
    assert moved(node, before) == ({case.counter: 1} if case.counter else {})


@pytest.mark.parametrize(
    "case",
    OVER_BOTH + [case for case in CASES if case.transport == Transport.TCP],
    ids=lambda case: case.about,
)
def test_odd_input_over_tcp(node: WorkerNode, case: Case) -> None:
    before = watched(node)
    check(case, over_tcp(node, case))
    assert moved(node, before) == ({case.counter: 1} if case.counter else {})


@pytest.mark.parametrize("length", range(SHORTEST))
def test_odd_length_over_tcp(node: WorkerNode, length: int) -> None:
    before = node.count("tcp_closed_bad_length")
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE) as client:
        client.sendall(framed(PLAIN[:length]))
        assert client.recv(1) == b""
    assert node.count("tcp_closed_bad_length") == before + 1
    check(Case("plain", PLAIN, NOERROR), over_tcp(node, Case("plain", PLAIN, NOERROR)))


def test_odd_input_leaves_the_process_as_it_was(node: WorkerNode) -> None:
    """The table again and again: the same process, and no more memory than after a few rounds."""

    def rounds(number: int) -> int:
        for _ in range(number):
            for case in OVER_BOTH:
                over_udp(node, case)
                over_tcp(node, case)
        return anonymous_memory(node.pid)

    pid = node.pid
    level = rounds(3)
    assert rounds(10) - level < 256 << 10
    assert node.pid == pid
    assert node.count("internal_error") == 0


def anonymous_memory(pid: int) -> int:
    """The octets of memory that the process has for itself."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert match
    return int(match[1]) << 10
