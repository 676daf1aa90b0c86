"""Many zones of one primary: how long a new secondary takes to have them, and what that costs.

Knot gives them, with a key; dnsd, NSD and Knot fetch them in turn, each on its first start.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.message

from bench.procs import cpu_seconds, memory, tree
from tests.interop.peers import HOST, Dnsd, Knot, Nsd, Peer, knot_key
from tests.interop.primaries import KEY, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ZONE = """\
$TTL 300
@ SOA ns host 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.1
@ MX 10 mail
mail A 192.0.2.2
www A 192.0.2.{number}
"""
LONGEST_S = 600.0
"""Seconds after which a secondary that still lacks zones has failed."""
LOOK_S = 0.05
"""Seconds after zones that are not there yet: who looks is to cost little."""
_TOGETHER = 64
"""Questions that are asked at once."""


class Brought(NamedTuple):
    """What the first start of one secondary took: time, processor time, and memory (PSS)."""

    seconds: float
    cpu: float
    by_process: dict[str, float]
    pss: int


class ManyKnot(Knot):
    """Knot, which gives the zones to who has the key."""

    def __init__(self, directory: Path, zones: Sequence[str], files: Path) -> None:
        super().__init__(directory, {})
        self._names, self._files = zones, files

    def sections(self) -> str:
        """Return the sections of its configuration that are its own."""
        return f"""\
{knot_key(KEY, SECRET, "transfer")}
template:
  - id: default
    storage: "{self._files}"
    file: "%s.zone"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
    acl: may
zone:
""" + "".join(f"  - domain: {zone}\n" for zone in self._names)


class ManyKnotSecondary(Knot):
    """Knot as a secondary, with what its journal is by default."""

    def __init__(self, directory: Path, zones: Sequence[str], primary: int) -> None:
        super().__init__(directory, {})
        self._names, self._primary = zones, primary

    def sections(self) -> str:
        """Return the sections of its configuration that are its own."""
        return f"""\
{knot_key(KEY, SECRET, "notify", primary=self._primary)}
template:
  - id: default
    storage: "{self.directory}"
    master: primary
    acl: may
zone:
""" + "".join(f"  - domain: {zone}\n" for zone in self._names)


class ManyNsdSecondary(Nsd):
    """NSD as a secondary."""

    def __init__(self, directory: Path, zones: Sequence[str], primary: int) -> None:
        super().__init__(directory, {})
        self._names, self._primary = zones, primary

    def configure(self) -> list[str]:
        """Return how it is started."""
        command = super().configure()
        config = self.directory / "nsd.conf"
        zones = "".join(
            f"zone:\n  name: {zone}\n  include-pattern: fetched\n" for zone in self._names
        )
        config.write_text(f"""{config.read_text()}
key:
  name: {KEY}
  algorithm: hmac-sha256
  secret: {SECRET}
pattern:
  name: fetched
  zonefile: "{self.directory}/%s.zone"
  request-xfr: {HOST}@{self._primary} {KEY}
  allow-notify: {HOST} {KEY}
{zones}""")
        return command


class ManyDnsdSecondary(Dnsd):
    """dnsd as a secondary."""

    def __init__(self, directory: Path, zones: Sequence[str], primary: int) -> None:
        super().__init__(directory, {})
        self._names, self._primary = zones, primary

    def configure(self) -> list[str]:
        """Return how it is started."""
        way = f'primaries = [{{ address = "{HOST}", port = {self._primary}, key = "{KEY}" }}]'
        zones = "".join(f'[[zone]]\nname = "{zone}"\n{way}\n' for zone in self._names)
        text = f'[[key]]\nname = "{KEY}"\nsecret_file = "secret"\n{zones}'
        return self.configure_by(text, {"secret": SECRET})


KINDS: dict[str, Callable[[Path, Sequence[str], int], Peer]] = {
    "dnsd": ManyDnsdSecondary,
    "nsd": ManyNsdSecondary,
    "knot": ManyKnotSecondary,
}


def measure(
    directory: Path, count: int, rounds: int, names: Sequence[str]
) -> dict[str, list[Brought]]:
    """Return what each of the secondaries ``names`` took for ``count`` zones, in turn."""
    zones = [f"z{number:06}.test" for number in range(count)]
    files = directory / "zones"
    files.mkdir()
    for number, zone in enumerate(zones):
        (files / f"{zone}.zone").write_text(_ZONE.format(number=number % 250 + 1))
    found: dict[str, list[Brought]] = {name: [] for name in names}
    with ExitStack() as stack:
        primary = stack.enter_context(ManyKnot(directory / "primary", zones, files))
        _wait(primary.port, zones)
        for turn in range(rounds):
            for name in names:
                at = directory / f"{name}{turn}"
                found[name].append(_brought(KINDS[name](at, zones, primary.port), zones))
    return found


def _brought(secondary: Peer, zones: Sequence[str]) -> Brought:
    began = time.perf_counter()
    with secondary:
        _wait(secondary.port, zones)
        took = time.perf_counter() - began
        processes = tree(secondary.pid)
        return Brought(took, cpu_seconds(processes), _by_process(processes), memory(processes).pss)


def _by_process(processes: Sequence[int]) -> dict[str, float]:
    """Return the processor seconds of each process, by its name."""
    found: dict[str, float] = {}
    for pid in processes:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        name = next((one.decode() for one in words if b"dnsd" in one), words[0].decode())
        found[f"{name} {pid}"] = cpu_seconds([pid])
    return found


def _wait(port: int, zones: Sequence[str]) -> None:
    """Wait until the server at ``port`` answers for all ``zones``."""
    missing = deque(dns.message.make_query(zone, "SOA").to_wire()[2:] for zone in zones)
    deadline = time.monotonic() + LONGEST_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect((HOST, port))
        while missing:
            some = [missing.popleft() for _ in range(min(_TOGETHER, len(missing)))]
            there = _answered(client, some)
            rest = [one for at, one in enumerate(some) if at not in there]
            missing.extend(rest)
            if rest and time.monotonic() > deadline:
                raise RuntimeError(f"{len(missing)} of {len(zones)} zones are missing")
            if rest:
                time.sleep(LOOK_S)


def _answered(client: socket.socket, questions: Sequence[bytes]) -> set[int]:
    """Return which of ``questions`` (without their IDs) are answered with a record."""
    for number, question in enumerate(questions):
        with suppress(OSError):
            client.send(number.to_bytes(2, "big") + question)
    there, silent = set(), set(range(len(questions)))
    with suppress(OSError):
        while silent:
            answer = client.recv(4096)
            number = int.from_bytes(answer[:2], "big")
            silent.discard(number)
            if not answer[3] & 15 and answer[7]:
                there.add(number)
    return there
