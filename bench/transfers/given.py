"""One large zone, given whole by dnsd and by Knot in turn to a client that only counts."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import dns.message

from bench.procs import cpu_seconds, tree
from tests.interop.peers import HOST, Dnsd, Peer
from tests.interop.primaries import KEY, RING, SECRET
from tests.support import until

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = "large.test."
_HEAD = """\
$ORIGIN large.test.
$TTL 300
@ SOA ns host 1 3600 600 86400 60
@ NS ns
"""


class Given(NamedTuple):
    """One transfer."""

    seconds: float
    cpu: float
    """Processor seconds of the server with all its processes."""
    octets: int
    messages: int


class LargeKnot(Peer):
    """Knot with the large zone."""

    def __init__(self, directory: Path, zone: Path, acl: str) -> None:
        super().__init__(directory, {ORIGIN: zone})
        self._acl = acl

    def configure(self) -> list[str]:
        """Return how it is started."""
        config = self.directory / "knot.conf"
        config.write_text(f"""\
server:
  listen: {HOST}@{self.port}
  rundir: "{self.directory}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{self.directory}"
log:
  - target: stderr
    any: warning
key:
  - id: {KEY}
    algorithm: hmac-sha256
    secret: {SECRET}
acl:
  - id: give
    {self._acl}
    action: transfer
zone:
  - domain: {ORIGIN}
    file: "{self.zones[ORIGIN]}"
    zonefile-sync: -1
    journal-content: none
    acl: give
""")
        return ["knotd", "-c", str(config)]


class LargeDnsd(Dnsd):
    """dnsd with the large zone."""

    def configure(self) -> list[str]:
        """Return how it is started."""
        command = super().configure()
        secret = self.directory / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        config = self.directory / "dnsd.toml"
        config.write_text(f"""\
[server]
listen = ["{HOST}:{self.port}"]
[[key]]
name = "{KEY}"
secret_file = "{secret}"
[[zone]]
name = "{ORIGIN}"
file = "{self.zones[ORIGIN]}"
allow_transfer = [{{ network = ["{HOST}"] }}]
""")
        return [*command[: command.index("serve") + 1], "--workers", "1", "--config", str(config)]


def measure(
    directory: Path, records: int, rounds: int, *, is_signed: bool
) -> dict[str, list[Given]]:
    """Return the transfers from each server, of ``rounds`` in turn."""
    zone = directory / "large.zone"
    with zone.open("w") as file:
        file.write(_HEAD)
        file.writelines(
            f"h{number:07} A 192.0.{number >> 8 & 255}.{number & 255}\n"
            for number in range(records - 2)
        )
    found: dict[str, list[Given]] = {"dnsd": [], "knot": []}
    with ExitStack() as stack:
        acl = f"key: {KEY}" if is_signed else f"address: {HOST}"
        servers: dict[str, Peer] = {
            "dnsd": stack.enter_context(LargeDnsd(directory / "dnsd", {ORIGIN: zone})),
            "knot": stack.enter_context(LargeKnot(directory / "knot", zone, acl)),
        }
        for server in servers.values():
            until(lambda port=server.port: _is_given(port, is_signed))  # type: ignore[misc]
        for _ in range(rounds):
            for name, server in servers.items():
                found[name].append(_fetched(server, records + 1, is_signed))
    return found


def _query(is_signed: bool) -> bytes:
    query = dns.message.make_query(ORIGIN, "AXFR")
    if is_signed:
        query.use_tsig(RING, KEY)
    return query.to_wire()


def _is_given(port: int, is_signed: bool) -> bool:
    query = _query(is_signed)
    with socket.create_connection((HOST, port)) as client:
        client.sendall(len(query).to_bytes(2, "big") + query)
        try:
            return int.from_bytes(client.recv(10)[8:10], "big") > 0
        except OSError:
            return False


def _fetched(server: Peer, records: int, is_signed: bool) -> Given:
    """Fetch the zone, which comes as so many records."""
    query = _query(is_signed)
    processes = tree(server.pid)
    began, cpu = time.perf_counter(), cpu_seconds(processes)
    octets = messages = answers = 0
    with socket.create_connection((HOST, server.port)) as client:
        client.sendall(len(query).to_bytes(2, "big") + query)
        stream = client.makefile("rb", buffering=1 << 20)
        while answers < records:
            message = stream.read(int.from_bytes(stream.read(2), "big"))
            if len(message) < 12:
                raise RuntimeError(f"{server} ends after {answers} of {records} records")
            octets += 2 + len(message)
            messages += 1
            answers += int.from_bytes(message[6:8], "big")
    took = time.perf_counter() - began
    return Given(took, cpu_seconds(processes) - cpu, octets, messages)
