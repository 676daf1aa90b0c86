"""What it costs to carry packets: a director's kernel beside HAProxy (TCP) and nginx (UDP).

Three name servers on a farm are asked the same questions at the same pace: directly, by way of
the directors, and by way of a proxy. What is on the way is charged with the CPU time that all of it
took (who asks, who answers, what is between, and the kernel's own threads for packets) beyond what
the direct way took. So the kernel's work counts in whatever process or softirq it is done, with the
link more that packets cross. What other programs of the machine make the kernel's threads do
counts, too: hence rounds, and the median.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import load, procs
from bench.failover import files
from bench.failover.balancers import directors, prepare
from bench.failover.farm import VIP, Farm
from bench.failover.programs import Program, Programs
from bench.failover.results import Carried
from bench.failover.settings import WWW
from bench.lab import namespaces
from bench.lab.errors import LabError
from bench.load import Load
from bench.peers.base import program

if TYPE_CHECKING:
    from collections.abc import Sequence

DIRECT = "192.0.2.81"
"""An address of all name servers that the router shares out by itself."""
KEYS = 'protocol = "both"\nports = [53]\ncheck = "tcp"'
READY_S = 30.0
SOCKETS = 24
PROXIES = {"udp": "nginx", "tcp": "haproxy"}


class Pace(NamedTuple):
    """How long each measurement is, how many questions a second, how often all of it is done."""

    seconds: float
    rate: int
    rounds: int


FULL = Pace(2.0, 6000, 7)
BRIEF = Pace(1.0, 1000, 1)


def measure(pace: Pace) -> list[Carried]:
    """Measure all ways; LabError or Unavailable if that cannot be."""
    farm = Farm("carry")
    with tempfile.TemporaryDirectory(prefix="dnsd-fo-") as temporary:
        directory = Path(temporary)
        directory.chmod(0o755)
        programs = Programs(directory)
        try:
            farm.up()
            return _Road(farm, directory, programs).measure(pace)
        finally:
            farm.down()
            programs.reap()


class _Road:
    def __init__(self, farm: Farm, directory: Path, programs: Programs) -> None:
        self._farm, self._directory, self._programs = farm, directory, programs
        self._queries = directory / "queries"
        self._queries.write_text(f"{WWW} A\n")

    def measure(self, pace: Pace) -> list[Carried]:
        self._build()
        found = []
        for transport, proxy in PROXIES.items():
            ways = {"direct": DIRECT, "directors": VIP, proxy: self._farm.front.address}
            for address in ways.values():
                self._wait(address, transport)
            rounds = [
                {way: self._cost(address, transport, pace) for way, address in ways.items()}
                for _ in range(pace.rounds)
            ]
            for way in ways:
                whole = [one[way] for one in rounds]
                beyond = [one[way] - one["direct"] for one in rounds]
                found.append(Carried(transport, way, whole, beyond))
        return found

    def _build(self) -> None:
        farm, directory = self._farm, self._directory
        if not files.STREAM.exists():
            raise LabError(f"there is no {files.STREAM}: install libnginx-mod-stream")
        prepare(farm, directory, VIP, DIRECT)
        hops = " ".join(f"nexthop via {host.address}" for host in farm.services)
        namespaces.batch([f"route add {DIRECT} {hops}"], farm.users)
        at = f"{farm.front.address}:53"
        servers = [f"{host.address}:53" for host in farm.services]
        (directory / "haproxy.cfg").write_text(files.dns_proxy(at, servers))
        (directory / "nginx.conf").write_text(files.dns_stream(directory, at, servers))
        haproxy = (program("haproxy"), "-db", "-f", str(directory / "haproxy.cfg"))
        nginx = (program("nginx"), "-c", str(directory / "nginx.conf"), "-p", str(directory))
        self._programs.start(
            [
                *self._servers(),
                Program("haproxy", farm.front.namespace, haproxy),
                Program("nginx", farm.front.namespace, nginx),
                *directors(farm, directory, KEYS),
            ]
        )

    def _servers(self) -> list[Program]:
        found = []
        for number, host in enumerate(self._farm.services):
            home = self._directory / f"s{number}"
            home.mkdir()
            listen = f"{host.address}\n  ip-address: {VIP}\n  ip-address: {DIRECT}"
            files.write_nsd(home, listen, files.zone({WWW: [VIP]}, files.LONG))
            command = (program("nsd"), "-d", "-c", str(home / "nsd.conf"))
            found.append(Program(f"nsd{number}", host.namespace, command))
        return found

    def _wait(self, address: str, transport: str) -> None:
        """Wait until the way works."""
        until = time.monotonic() + READY_S
        line = self._command(address, Load(0.2, 100, transport=transport, sockets=1))
        while True:
            self._programs.check()
            done = namespaces.run(self._farm.users, *line)
            if not done.returncode and load.parse(done.stdout).completed:
                return
            if time.monotonic() > until:
                raise LabError(f"nothing is answered by {address} over {transport}: {done.stderr}")
            time.sleep(0.2)

    def _cost(self, address: str, transport: str, pace: Pace) -> float:
        """Return the CPU time of all that takes part, in ms for each 1,000 packets of clients'."""
        asked = Load(pace.seconds, pace.rate, transport=transport, sockets=SOCKETS)
        line = self._command(address, asked)
        packets, cpu = self._packets(), self._cpu()
        with subprocess.Popen(
            namespaces.command(self._farm.users, *line), stdout=subprocess.PIPE, text=True
        ) as asking:
            assert asking.stdout is not None
            text = asking.stdout.read()
            _, status, used = os.wait4(asking.pid, 0)
            asking.returncode = os.waitstatus_to_exitcode(status)
        cpu, packets = self._cpu() - cpu, self._packets() - packets
        outcome = load.parse(text)
        if outcome.completed < 0.99 * outcome.sent:
            raise LabError(f"{outcome.lost} of {outcome.sent} were lost by way of {address}")
        return (cpu + used.ru_utime + used.ru_stime) * 1000 / (packets / 1000)

    def _command(self, address: str, asked: Load) -> Sequence[str]:
        return load.command(asked, 53, self._queries, address)

    def _cpu(self) -> float:
        """Return the CPU time so far of servers, proxies and the kernel's threads for packets."""
        carrying = ("nsd0", "nsd1", "nsd2", *PROXIES.values())
        pids = [pid for name in carrying for pid in self._programs.pids(name)]
        return procs.cpu_seconds([*pids, *_softirq_threads()])

    def _packets(self) -> int:
        """Return how many packets have left the clients' machine."""
        code = "print(open('/sys/class/net/br0/statistics/tx_packets').read())"
        return int(namespaces.run(self._farm.users, sys.executable, "-c", code).stdout)


def _softirq_threads() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name = (entry / "comm").read_text()
            except OSError:
                continue
            if name.startswith("ksoftirqd/"):
                found.append(int(entry.name))
    return found
