"""Runs dnsd as an operator would, for tests that want the whole of it.

    with start_dnsd({"example.com": zone(1, "www A 192.0.2.1")}) as dnsd:
        assert dnsd.addresses("www.example.com") == {"192.0.2.1"}

Zone files lie in a directory of their own, which tests may change; state, admin socket and
port belong to this one node. Waiting is for conditions, never for a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.message
import dns.rdatatype

import dnsd as package
from dnsd.caches.ledger import Ledger
from dnsd.caches.report import WEEK_S
from dnsd.control.horizon.lease import Lease
from tests.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATIENCE = 60.0
"""Seconds after which a test gives up waiting for what must happen soon."""
ANSWER = 10.0
"""Seconds after which an answer counts as lost."""

COMMAND = [sys.executable, "-c", "from dnsd.cli import main; main()"]


def zone(serial: int, *records: str, ttl: int = 60) -> str:
    """The text of a small zone, correct in itself; ``records`` are lines of their own."""
    lines = [
        f"$TTL {ttl}",
        f"@ IN SOA ns hostmaster {serial} 3600 600 86400 60",
        "@ IN NS ns",
        "ns IN A 192.0.2.53",
        *records,
    ]
    return "".join(f"{line}\n" for line in lines)


def until(condition: Callable[[], Any], what: str = "") -> Any:
    """Wait until ``condition`` returns something true, and return that.

    A condition that takes long, as a command does, is not looked at all the time.
    """
    began = time.monotonic()
    deadline = began + PATIENCE
    while not (found := condition()):
        looked = time.monotonic()
        if looked > deadline:
            raise AssertionError(f"has not come to pass in {PATIENCE:.0f} s: {what or condition}")
        time.sleep(min(max(0.01, looked - began), 0.5))
        began = time.monotonic()
    return found


class Node:
    """A node in a directory of its own: ``zones/``, ``dnsd.toml``, ``state/``.

    ``lines`` is what it has written to standard error so far.
    """

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.zones = directory / "zones"
        self.state = directory / "state"
        self.config = directory / "dnsd.toml"
        self.lines: list[str] = []
        self.command = COMMAND
        self.process: subprocess.Popen[str]
        self.environ = {
            **os.environ,
            "STATE_DIRECTORY": str(self.state),
            "PYTHONPATH": str(Path(package.__file__).parent.parent),
        }
        self.environ.pop("COLUMNS", None)  # of a terminal, which those who run the tests may have

    # -- processes ----------------------------------------------------------------------------

    def start(self, *arguments: str, **environ: str) -> None:
        """Start ``dnsd serve`` with ``arguments``, or with the configuration."""
        self.process = subprocess.Popen(
            self._command(arguments),
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environ, **environ},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start_unread(self) -> None:
        """Start it with a standard error that is full already and is not read."""
        self.unread, full = os.pipe()
        os.set_blocking(full, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(full, b"x")
        os.set_blocking(full, True)
        self.process = subprocess.Popen(self._command(()), stderr=full, text=True, env=self.environ)
        os.close(full)
        self._reader = threading.Thread(target=str)
        self._reader.start()

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [*self.command, "serve", *(arguments or ("--config", str(self.config)))]

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))

    def wait_ready(self) -> str:
        """Wait for the ready line and return it."""
        return self.wait_line("dnsd: ready on")

    def wait_line(self, text: str, after: int = 0) -> str:
        """Wait for a line (from number ``after`` on) with ``text`` in it, and return it."""

        def found() -> str | None:
            over = self.process.poll() is not None and not self._reader.is_alive()
            line = next((line for line in self.lines[after:] if text in line), None)
            assert line or not over, f"dnsd has ended without {text!r}:\n" + "\n".join(self.lines)
            return line

        line: str = until(found, f"{text!r} in {self.lines}")
        return line

    def stop(self) -> int:
        """Stop it with SIGTERM (if it still runs) and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end of it and return the exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def kill(self) -> None:
        """End the master without a word, as a crash would, and wait until the others follow."""
        others = family(self.process.pid)
        self.process.kill()
        self.process.wait(PATIENCE)
        until(lambda: all(map(is_gone, others)), "all processes have ended")

    # -- commands -----------------------------------------------------------------------------

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``dnsd`` with ``arguments``."""
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            env=self.environ,
            timeout=PATIENCE,
            check=False,
        )

    def reload(self, *zones: str) -> subprocess.CompletedProcess[str]:
        """Run ``dnsd reload``."""
        return self.run("reload", "--config", str(self.config), *zones)

    def hears(self) -> bool:
        """Whether somebody listens on the admin socket: its file may be that of one who died."""
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(str(self.state / "admin.sock")) == 0

    def admin(self, command: str, **arguments: Any) -> Any:
        """Ask over the admin socket and return the result."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(str(self.state / "admin.sock"))
            sock.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            answer = json.loads(sock.makefile("rb").readline())
        assert answer["ok"], answer
        return answer["result"]

    def status(self) -> Any:
        """What ``dnsd status --json`` is told."""
        return self.admin("status")

    def zone_status(self, origin: str) -> Any:
        """The part of the status that is about one zone, None if there is none."""
        found = self.status()["zones"]
        return next((one for one in found if one["zone"] == f"{origin}."), None)

    def workers(self) -> list[int]:
        """The pids of the workers."""
        return [worker["pid"] for worker in self.status()["workers"]]

    # -- files --------------------------------------------------------------------------------

    def write(self, origin: str, text: str) -> Path:
        """Write a zone's file in the directory, in place."""
        path = self.zones / f"{origin}.zone"
        path.write_text(text)
        return path

    def replace(self, origin: str, text: str) -> Path:
        """Write a zone's file as careful programs do: beside it, then renamed."""
        path = self.zones / f"{origin}.zone"
        temporary = self.zones / f".{origin}.new"
        temporary.write_text(text)
        return temporary.replace(path)

    # -- questions ----------------------------------------------------------------------------

    def ask(self, packet: bytes) -> bytes:
        """Send ``packet`` over UDP and return what comes back."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(ANSWER)
            sock.connect(("127.0.0.1", self.port))
            sock.send(packet)
            return sock.recv(65535)

    def ask_tcp(self, packet: bytes) -> bytes:
        """Send ``packet`` over a TCP connection of its own and return what comes back."""
        with socket.create_connection(("127.0.0.1", self.port), ANSWER) as sock:
            sock.sendall(len(packet).to_bytes(2, "big") + packet)
            with sock.makefile("rb") as stream:
                return stream.read(int.from_bytes(stream.read(2), "big"))

    def query(self, name: str, rtype: str = "A", **options: Any) -> dns.message.Message:
        """Ask for a name over UDP; ``options`` are those of dns.message.make_query."""
        question = dns.message.make_query(name, rtype, **options)
        answer = dns.message.from_wire(self.ask(question.to_wire()))
        assert answer.id == question.id
        return answer

    def addresses(self, name: str) -> set[str]:
        """The addresses (A) of a name."""
        return {str(rdata) for rrset in self.query(name).answer for rdata in rrset}

    def serial(self, origin: str) -> int | None:
        """The serial number that is served for a zone, None without one."""
        for rrset in self.query(origin, "SOA").answer:
            if rrset.rdtype == dns.rdatatype.SOA:
                return int(rrset[0].serial)
        return None

    def wait_serial(self, origin: str, serial: int) -> None:
        """Wait until this serial number of a zone is served."""
        until(lambda: self.serial(origin) == serial, f"serial {serial} of {origin}")


@contextmanager
def make_node(
    zones: Mapping[str, str] | None = None,
    *,
    workers: int = 1,
    poll: str = "50ms",
    settle: str = "100ms",
    server: str = "",
    tail: str = "",
) -> Iterator[Node]:
    """A node that has not been started, with zone files and a configuration.

    With ``poll`` = "1h" it reloads nothing of its own accord.
    ``server`` is added to the table ``[server]``, ``tail`` to the end of the file. What is
    running at the end is ended.
    """
    with tempfile.TemporaryDirectory(prefix="dnsd-") as name:
        node = Node(Path(name), free_port())
        node.zones.mkdir()
        for origin, text in (zones or {}).items():
            node.write(origin, text)
        if "heartbeat_miss" not in server:
            # a machine that is busy with other tests is no reason to kill a worker
            server += "\nheartbeat_miss = 400"
        node.config.write_text(
            f"""
[server]
listen = ["127.0.0.1:{node.port}"]
workers = {workers}
udp_receive_buffer = "128KiB"
{server}
[zones]
directory = "zones"
poll = "{poll}"
watch = {"false" if poll == "1h" else "true"}
settle = "{settle}"
{tail}
"""
        )
        try:
            yield node
        finally:
            if hasattr(node, "process"):
                node.stop()


def remember(node: Node, name: str | None = None) -> None:
    """Give a node an account that goes back for weeks: else it is new, and waits for a week.

    ``name`` is its ``server_id``.
    """
    node.state.mkdir(mode=0o700, exist_ok=True)
    ledger = Ledger(name or socket.gethostname(), -2 * WEEK_S)
    (node.state / "ledger").write_bytes(ledger.dump(0.0))
    Lease(node.state).close()


@contextmanager
def start_dnsd(zones: Mapping[str, str] | None = None, **options: Any) -> Iterator[Node]:
    """A node that is ready; ``options`` are those of :func:`make_node`."""
    with make_node(zones, **options) as node:
        node.start()
        node.wait_ready()
        yield node


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has waited for has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def family(pid: int) -> list[int]:
    """All descendants of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in children for each in (int(child), *family(int(child)))]
