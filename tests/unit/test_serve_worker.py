"""The worker as a process: its life from the first line of its standard input to its end."""

from __future__ import annotations

import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import dns.query
import dns.rcode
import msgspec
import pytest

from dnsd.hotpath.api import Settings
from dnsd.image.journal import Drop, Placed, Put
from dnsd.image.state import WorkerCells
from dnsd.process.statedir import IMAGES
from dnsd.serve import sockets, turn
from dnsd.serve.worker import Worker
from dnsd.wire import name
from tests.serving import PATIENCE, framed, unframed
from tests.worker import ROOT, ZONE, WorkerNode

if TYPE_CHECKING:
    from collections.abc import Iterator


OTHER = name.from_text("two.example.")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[WorkerNode]:
    node = WorkerNode(tmp_path)
    yield node
    node.close()


def test_worker_answers_over_udp_and_tcp(tmp_path: Path) -> None:
    node = WorkerNode(tmp_path, "127.0.0.1", "::1")
    try:
        node.begin(serial=5)
        assert node.process
        assert node.head[WorkerCells.LISTENING] == 1
        assert node.head[WorkerCells.PID] == node.process.pid
        query = dns.message.make_query("one.example.", "SOA")
        for address in node.addresses:
            assert node.serial(address=address) == 5
            answer = dns.query.tcp(query, address, port=node.port, timeout=PATIENCE)
            assert answer.answer[0][0].serial == 5
        assert node.count("queries_udp") == 2
        assert node.count("responses_tcp") == 2
        assert node.count("tcp_accepted") == 2
        node.until(lambda: node.head[WorkerCells.TCP_OPEN] == 0)
    finally:
        node.close()


def test_worker_answers_on_wildcards_from_the_address_asked(tmp_path: Path) -> None:
    node = WorkerNode(tmp_path, "0.0.0.0", "::")
    try:
        node.begin()
        # dnspython takes no answer from another address.
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"):
            assert node.serial(address=address) == 1
    finally:
        node.close()


def test_worker_heart_beats_without_queries(node: WorkerNode) -> None:
    node.begin()
    first = node.head[WorkerCells.HEARTBEAT]
    node.until(lambda: node.head[WorkerCells.HEARTBEAT] > first)
    assert first <= time.monotonic_ns()
    assert node.head[WorkerCells.LAG] < PATIENCE * 10**9


def test_worker_follows_what_control_publishes(node: WorkerNode) -> None:
    node.begin(serial=1)
    assert node.serial(OTHER) == "REFUSED"
    node.publish(Put(ZONE, node.image(ZONE, 2)), Put(OTHER, None))
    assert (node.serial(ZONE), node.serial(OTHER)) == (2, "SERVFAIL")
    node.publish(Put(OTHER, node.image(OTHER, 9)))
    assert (node.serial(ZONE), node.serial(OTHER)) == (2, 9)
    node.publish(Drop(ZONE))
    assert (node.serial(ZONE), node.serial(OTHER)) == ("REFUSED", 9)


def test_worker_unmaps_what_it_serves_no_more(node: WorkerNode) -> None:
    node.begin(serial=1)
    assert node.process
    maps = Path(f"/proc/{node.process.pid}/maps")
    first = f"{node.directory}/images/{ZONE.hex()}-1"
    assert first in maps.read_text()
    node.publish(Put(ZONE, node.image(ZONE, 2)))
    assert first not in maps.read_text()


def test_worker_says_which_image_it_cannot_open(node: WorkerNode) -> None:
    node.begin(serial=1)
    (node.directory / IMAGES / "broken").write_bytes(b"broken")
    node.publish(Put(ZONE, Placed("broken")))
    assert node.serial() == 1
    node.signal(signal.SIGTERM)
    status, said = node.end()
    assert status == 0
    assert said == (
        f"dnsd worker 0: error: {node.directory}/images/broken is not an image; "
        "still serving the zone's last data, trying again [image-unreadable]\n"
    )


def test_worker_keeps_queries_until_it_has_its_zones(node: WorkerNode) -> None:
    """A successor must not refuse what its predecessor answered."""
    node.start()
    node.until(lambda: node.head[WorkerCells.LISTENING])
    query = dns.message.make_query("one.example.", "SOA").to_wire()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_connection(("127.0.0.1", node.port), PATIENCE) as tcp,
    ):
        udp.settimeout(PATIENCE)
        udp.sendto(query, ("127.0.0.1", node.port))
        tcp.sendall(framed(query))
        beat = node.head[WorkerCells.HEARTBEAT]
        node.until(lambda: node.head[WorkerCells.HEARTBEAT] > beat)
        assert not select.select([udp, tcp], [], [], 0)[0]
        node.publish_epoch({ZONE: node.image(ZONE, 3)})
        assert dns.message.from_wire(udp.recv(4096)).answer[0][0].serial == 3
        assert dns.message.from_wire(tcp.recv(4096)[2:]).answer[0][0].serial == 3


def test_worker_goes_when_the_master_is_gone(node: WorkerNode) -> None:
    node.begin()
    assert node.process
    assert node.process.stdin
    node.process.stdin.close()
    assert node.end() == (0, "")


def test_worker_is_not_stopped_by_the_terminal(node: WorkerNode) -> None:
    node.begin()
    node.signal(signal.SIGINT)
    node.signal(signal.SIGHUP)
    beat = node.head[WorkerCells.HEARTBEAT]
    node.until(lambda: node.head[WorkerCells.HEARTBEAT] > beat)
    assert node.serial() == 1
    node.signal(signal.SIGTERM)
    assert node.end() == (0, "")


def test_worker_answers_what_has_come_before_it_stops(node: WorkerNode) -> None:
    node.begin()
    query = dns.message.make_query("one.example.", "SOA").to_wire()
    assert node.process
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_connection(("127.0.0.1", node.port), PATIENCE) as tcp,
    ):
        udp.settimeout(PATIENCE)
        node.until(lambda: node.count("tcp_accepted"))
        # Stopped, it cannot have answered before it is told to end.
        node.signal(signal.SIGSTOP)
        for _ in range(100):
            udp.sendto(query, ("127.0.0.1", node.port))
        tcp.sendall(framed(query, query)[:-3])
        node.signal(signal.SIGTERM)
        node.signal(signal.SIGCONT)
        assert len([udp.recv(4096) for _ in range(100)]) == 100
        assert tcp.recv(2) != b""
        tcp.sendall(framed(query)[-3:])
        while tcp.recv(4096):
            pass
        assert node.end() == (0, "")
        assert node.count("responses_tcp") == 2


def test_worker_can_be_ended_while_it_starts(node: WorkerNode) -> None:
    """Whenever the signal comes, it is not lost."""
    for number in range(8):
        node.head[WorkerCells.PID] = 0
        node.start()
        if number % 2:
            node.until(lambda: node.pid)
        else:
            time.sleep(number / 50)
        node.signal(signal.SIGTERM)
        status, said = node.end()
        # At the very first it is not dnsd yet that the signal ends.
        assert status in {0, -signal.SIGTERM}
        assert said == ""


def test_worker_does_not_wait_for_a_client_for_ever(node: WorkerNode) -> None:
    patient = msgspec.structs.replace(node.spec.tcp, message=600.0)
    node.spec = msgspec.structs.replace(node.spec, tcp=patient)
    node.begin()
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE) as tcp:
        tcp.sendall(b"\x00")
        node.until(lambda: node.count("tcp_accepted"))
        node.signal(signal.SIGTERM)
        assert node.end() == (0, "")


def test_worker_survives_without_descriptors(node: WorkerNode) -> None:
    """accept() finds none: the longest idle makes room, and UDP does not notice."""
    node.begin()
    assert node.process
    assert node.serial() == 1, "then it has opened all that it ever opens"
    pid = node.process.pid
    used = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    free = [fd for fd in range(len(used) + 4) if fd not in used]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[3], free[3]))
    query = dns.message.make_query("one.example.", "SOA").to_wire()
    clients = []
    try:
        for _ in range(10):
            client = socket.create_connection(("127.0.0.1", node.port), PATIENCE)
            clients.append(client)
            client.sendall(framed(query))
            assert client.recv(4096)
            assert node.serial() == 1
        assert node.count("tcp_accepted") == 10
        assert node.count("tcp_evicted") == 7
        assert node.head[WorkerCells.TCP_OPEN] == 3
    finally:
        for client in clients:
            client.close()


def test_worker_cannot_have_a_port_of_another(node: WorkerNode) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", node.port))
        other.listen()
        node.start()
        status, said = node.end()
    assert status == 1
    assert said == (
        f"dnsd worker 0: error: cannot listen on 127.0.0.1:{node.port} (TCP): address already in "
        "use; stop the server that has it, or choose another port [start-failed]\n"
    )


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n"])
def test_worker_without_a_specification_says_so(line: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dnsd.serve"],
        input=line,
        capture_output=True,
        cwd=ROOT,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    told = b"dnsd worker: error: the master sent an invalid specification: "
    assert done.stderr.startswith(told)
    assert done.stderr.count(b"\n") == 1


def test_worker_loads_nothing_that_it_does_not_need() -> None:
    """Each of these costs a worker megabytes, and a restart the time to load them."""
    heavy = ("dns", "pyroute2", "pexpect", "click", "rich")
    script = (
        "import sys, dnsd.serve.__main__\n"
        f"print(sorted({{module.split('.')[0] for module in sys.modules}} & {set(heavy)}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=True, text=True
    )
    assert run.stdout == "[]\n"


def test_worker_tells_of_few_descriptors(node: WorkerNode) -> None:
    node.publish_epoch({})
    script = (
        "import resource, runpy\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))\n"
        "runpy.run_module('dnsd.serve', run_name='__main__')"
    )
    node.start("-c", script)
    node.until(lambda: node.head[WorkerCells.GENERATION])
    node.signal(signal.SIGTERM)
    status, said = node.end()
    assert status == 0
    assert said == (
        "dnsd worker 0: warning: 100 TCP connections may be open, but only 80 file descriptors: "
        "raise the limit (LimitNOFILE= or ulimit -n) or lower tcp_connections [system-limit]\n"
    )


def test_worker_tells_of_a_small_receive_buffer(node: WorkerNode) -> None:
    """More than any system gives: an octet beyond what root may force."""
    node.spec = msgspec.structs.replace(node.spec, udp_receive_buffer=1 << 30)
    node.begin()
    node.signal(signal.SIGTERM)
    status, said = node.end()
    assert status == 0
    assert re.fullmatch(
        r"dnsd worker 0: warning: the receive buffer of UDP sockets is \d+ octets, not the "
        r"1073741824 asked for: raise net\.core\.rmem_max or lower udp_receive_buffer "
        r"\[system-limit\]\n",
        said,
    )


def test_worker_survives_a_fault_of_its_own(node: WorkerNode) -> None:
    """What is raised in a turn costs that packet, one line and one counter."""
    node.publish_epoch({ZONE: node.image(ZONE, 1)})
    script = (
        "import runpy\n"
        "from dnsd import hotpath\n"
        "class Faulty:\n"
        "    def __init__(self, *arguments, **more):\n"
        "        self.sound = make(*arguments, **more)\n"
        "        self.put_zone, self.drop_zone = self.sound.put_zone, self.sound.drop_zone\n"
        "    def answer(self, packet, now, client):\n"
        "        return 1 / 0 if packet == b'fault' else self.sound.answer(packet, now, client)\n"
        "make, hotpath.make = hotpath.make, Faulty\n"
        "runpy.run_module('dnsd.serve', run_name='__main__')"
    )
    node.start("-c", script)
    node.until(lambda: node.head[WorkerCells.GENERATION])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"fault", ("127.0.0.1", node.port))
    node.until(lambda: node.count("internal_error"))
    assert node.serial() == 1
    node.signal(signal.SIGTERM)
    status, said = node.end()
    assert status == 0
    assert "ZeroDivisionError: division by zero, at " in said
    assert said.count("\n") == 1


def test_worker_closes_idle_connections(node: WorkerNode) -> None:
    hasty = Settings(tcp_idle=0.1)
    node.spec = msgspec.structs.replace(node.spec, settings=hasty)
    node.begin()
    with socket.create_connection(("127.0.0.1", node.port), PATIENCE) as client:
        assert client.recv(1) == b""
    assert node.count("tcp_closed_idle") == 1


def test_worker_counts_what_the_kernel_drops(node: WorkerNode) -> None:
    node.spec = msgspec.structs.replace(node.spec, udp_receive_buffer=2304)
    node.begin()
    node.signal(signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(300):
            client.sendto(b"short", ("127.0.0.1", node.port))
    node.signal(signal.SIGCONT)
    node.until(lambda: node.count("drop_receive_queue") + node.count("drop_short") == 300)
    assert node.count("drop_receive_queue") > 0


# -- inside the worker, where only its own calls say what happens when ---------------------


@pytest.fixture
def worker(node: WorkerNode) -> Iterator[Worker]:
    """A worker in this process that serves ZONE, and whose loop does not run."""
    node.publish_epoch({ZONE: node.image(ZONE, 1)})
    worker = Worker(node.spec)
    worker._beat()
    while worker._follower._steps is not None:
        worker._follower._go_on()
    assert node.generation == 1
    yield worker
    for each in worker._udp:
        each.sock.close()
    worker._tcp.close()
    worker._loop.close()


def test_worker_tells_how_late_its_loop_is(node: WorkerNode, worker: Worker) -> None:
    worker._due = time.monotonic_ns() - 5 * 10**9
    worker._beat()
    assert 5 * 10**9 <= node.head[WorkerCells.LAG] < PATIENCE * 10**9
    worker._beat()
    assert node.head[WorkerCells.LAG] == 0, "before its time, and not late"


def test_worker_that_is_told_to_finish_answers_what_has_come(
    node: WorkerNode, worker: Worker
) -> None:
    query = dns.message.make_query("one.example.", "SOA").to_wire()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_connection(("127.0.0.1", node.port), PATIENCE) as tcp,
    ):
        udp.settimeout(PATIENCE)
        udp.sendto(query, ("127.0.0.1", node.port))
        assert select.select([worker._udp[0].sock], [], [], PATIENCE)[0]
        tcp.sendall(framed(query, query))
        while sockets.unacknowledged(tcp):
            time.sleep(0)
        worker._finish()
        while not worker._has_ended:
            worker._take_last_steps()
        assert udp.recv(4096)[:2] == query[:2]
        stream = tcp.makefile("rb")
        assert len(unframed(stream.read())) == 2
        stream.close()
    assert worker._udp[0].sock.fileno() == -1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", node.port), PATIENCE)


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns that are over as soon as the clock is looked at."""
    monkeypatch.setattr(turn, "ONE_SOCKET_S", 0.0)


@pytest.mark.usefixtures("no_time")
def test_worker_comes_back_for_what_a_turn_has_left(node: WorkerNode, worker: Worker) -> None:
    """All datagrams are out of the socket, which tells of nothing; not all are answered."""
    query = dns.message.make_query("version.bind", "TXT", "CH").to_wire()
    answers = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", node.port))
        client.setblocking(False)

        def receive() -> None:
            answers.append(client.recv(512))
            if len(answers) == 40:
                worker._loop.stop()

        for _ in range(40):
            client.send(query)
        worker._loop.add_reader(client, receive)
        worker._loop.call_later(PATIENCE, worker._loop.stop)
        worker._loop.run_forever()
        worker._loop.remove_reader(client)
    assert len(answers) == 40


def test_worker_without_zones_does_not_refuse_at_the_end(node: WorkerNode) -> None:
    worker = Worker(node.spec)
    query = dns.message.make_query("one.example.", "SOA").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(query, ("127.0.0.1", node.port))
        assert select.select([worker._udp[0].sock], [], [], PATIENCE)[0]
        worker._finish()
        worker._udp[0].sock.close()
        worker._tcp.close()
        worker._loop.close()
    assert node.count("queries_udp") == 0
