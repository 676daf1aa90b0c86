"""One large zone, given whole by dnsd and by Knot in turn to a client that only counts."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import dns.message

from bench.procs import cpu_seconds, tree
from tests.interop.peers import HOST, Dnsd, Knot, knot_key
from tests.interop.primaries import KEY, RING, SECRET
from tests.support import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.interop.peers import Peer

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


class LargeKnot(Knot):
    """Knot with the large zone; ``rule`` is of which acl its clients are."""

    def __init__(self, directory: Path, zone: Path, rule: str) -> None:
        super().__init__(directory, {ORIGIN: zone})
        self._rule = rule

    def sections(self) -> str:
        """Return the sections of its configuration that are its own."""
        return f"""\
{knot_key(KEY, SECRET, "transfer")}
  - id: anybody
    address: {HOST}
    action: transfer
{super().sections()}    acl: {self._rule}
"""


class LargeDnsd(Dnsd):
    """dnsd with the large zone."""

    def configure(self) -> list[str]:
        """Return how it is started."""
        text = f"""\
[[key]]
name = "{KEY}"
secret_file = "secret"
[[zone]]
name = "{ORIGIN}"
file = "{self.zones[ORIGIN]}"
allow_transfer = [{{ network = ["{HOST}"] }}]
"""
        return self.configure_by(text, {"secret": SECRET})


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
        rule = "may" if is_signed else "anybody"
        servers: dict[str, Peer] = {
            "dnsd": stack.enter_context(LargeDnsd(directory / "dnsd", {ORIGIN: zone})),
            "knot": stack.enter_context(LargeKnot(directory / "knot", zone, rule)),
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
