"""What every part of a measurement uses: the plan, the files, servers to start, clocks."""

from __future__ import annotations

import resource
import shutil
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bench import procs, signing, verify, wire, zonegen, zonekinds
from bench.asker import Askers
from bench.peers.base import Setup
from bench.results import Latency, Reload, Sample, Start
from bench.server import Server
from bench.zonegen import Mix, ZonePlan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.load import Load, Outcome
    from bench.peers import Peer
    from bench.zonekinds import KindZone

ASKED = 20_000
"""Different queries of the loads that dnsperf does not make."""
ASKED_LARGE = 100_000
"""Different queries for the large zone: they touch nearly all pages of it."""


class Part(StrEnum):
    """A part of the measurement."""

    UDP = "udp"
    SIGNED = "signed"
    TCP = "tcp"
    LATENCY = "latency"
    RELOAD = "reload"
    WORKERS = "workers"
    LARGE = "large"
    KINDS = "kinds"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: the zones, the parts, the kinds of load, how long, on which cores.

    ``rate``: queries a second at which the latency of all servers is compared. ``delegations`` and
    ``files`` are for the kinds of zones: of the registry, and others by origin.
    """

    zone: ZonePlan
    signed: ZonePlan
    large: ZonePlan
    parts: list[Part]
    mixes: list[Mix]
    load: Load
    rounds: int
    queries: int
    rate: int
    server_core: int
    load_core: int
    delegations: int = 100_000
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def both(self) -> tuple[int, int]:
        """Both cores, for what is not pinned."""
        return self.server_core, self.load_core

    def zone_of(self, mix: Mix) -> ZonePlan:
        """Return the plan of the zone that ``mix`` asks for."""
        return self.signed if mix in zonegen.PROOFS else self.zone


@dataclass(slots=True)
class Found:
    """What has been measured so far."""

    samples: list[Sample] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    reloads: list[Reload] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Stand:
    """A measurement under way; ``say`` is told of every step."""

    plan: Plan
    directory: Path
    say: Callable[[str], None]
    found: Found
    askers: Askers = field(init=False)
    signed: dict[str, Path] = field(init=False, default_factory=dict)
    kinds: list[KindZone] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.askers = Askers(self.directory, (self.plan.load_core,))

    @property
    def messages(self) -> Path:
        """The file of queries for our own load generators."""
        return self.directory / "messages"

    @property
    def large_messages(self) -> Path:
        """The same for the large zone."""
        return self.directory / "messages.large"

    def prepare(self) -> None:
        """Write the zone files and the query files, build the load generators."""
        plan, parts = self.plan, set(self.plan.parts)
        self.say(f"writing a zone of {plan.zone.records:,} records")
        plan.zone.write(self.directory / "zone")
        for mix in plan.mixes:
            queries = plan.zone_of(mix).queries(mix, plan.queries)
            zonegen.write_queries(self.directory / mix, queries)
        if parts & {Part.TCP, Part.LATENCY, Part.RELOAD, Part.WORKERS, Part.LARGE}:
            self.askers.build()
            asked = list(plan.zone.queries(Mix.EXACT, ASKED))
            wire.write(self.messages, zonegen.ORIGIN, asked, edns=plan.load.edns)
            zonegen.write_queries(self.directory / "asked", asked)
        if Part.SIGNED in parts:
            self._sign()
        if Part.KINDS in parts:
            self.say(f"writing a registry of {plan.delegations:,} delegations, and signing it")
            with procs.pinned(*plan.both):
                self.kinds = zonekinds.make(
                    self.directory / "kinds", plan.delegations, plan.signed, plan.files
                )
        if Part.LARGE in parts:
            self.say(f"writing a zone of {plan.large.records:,} records")
            plan.large.write(self.directory / "large")
            asked = list(plan.large.queries(Mix.EXACT, ASKED_LARGE))
            wire.write(self.large_messages, zonegen.ORIGIN, asked, edns=plan.load.edns)

    def _sign(self) -> None:
        self.say(f"signing a zone of {self.plan.signed.records:,} records, twice")
        keys = self.directory / "signing"
        keys.mkdir()
        self.plan.signed.write(keys / "plain")
        with procs.pinned(*self.plan.both):
            self.signed = signing.sign(zonegen.ORIGIN, keys / "plain", keys)

    def place(self, peer: Peer, session: str, round_: int) -> Path:
        """Make a directory for one session of ``peer``."""
        directory = self.directory / f"{peer.name}.{session}.{round_}"
        directory.mkdir()
        return directory

    def start(
        self,
        peer: Peer,
        directory: Path,
        zone: Path,
        *,
        workers: int = 1,
        denial: str = "",
        cores: tuple[int, ...] = (),
        origin: str = zonegen.ORIGIN,
    ) -> Server:
        """Start ``peer`` in ``directory`` on ``cores``: the server's core if none is given."""
        setup = Setup(directory, origin, zone, verify.free_port(), workers, denial)
        return Server(peer, setup, cores or (self.plan.server_core,))

    def own_copy(self, directory: Path) -> Path:
        """Return a copy of the zone file that may be changed."""
        return shutil.copyfile(self.directory / "zone", directory / "changing.zone")

    def measure(
        self, server: Server, round_: int, mix: str, rcodes: set[str], load: Callable[[], Outcome]
    ) -> Sample:
        """Run ``load`` once between two looks at the clocks, and keep what it found."""
        pids = server.pids()
        before = self._clocks(pids)
        outcome = load()
        wall, cpu, generator, core, both = (
            after - earlier for after, earlier in zip(self._clocks(pids), before, strict=True)
        )
        answers = max(outcome.completed, 1)
        right = rcodes if server.peer.answers else outcome.rcodes.keys()
        sample = Sample(
            server=server.peer.name,
            round=round_,
            mix=mix,
            qps=outcome.qps,
            cpu_us=cpu / answers * 1e6,
            core_us=core / answers * 1e6,
            latency_us=outcome.latency * 1e6,
            loss=outcome.lost / max(outcome.sent, 1),
            wrong=sum(n for rcode, n in outcome.rcodes.items() if rcode not in right),
            busy=cpu / outcome.seconds,
            foreign=max(0.0, (both - cpu - generator) / (2 * wall)),
        )
        self.found.samples.append(sample)
        self.say(
            f"round {round_}: {server.peer.name} {mix}: {sample.cpu_us:.2f} µs,"
            f" {sample.qps:,.0f} q/s, {sample.loss:.2%} lost, others used {sample.foreign:.0%}"
        )
        return sample

    def _clocks(self, pids: list[int]) -> tuple[float, ...]:
        """Seconds so far: wall, the server's, the load generator's, its core's, both cores'."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (
            time.monotonic(),
            procs.cpu_seconds(pids),
            ended.ru_utime + ended.ru_stime,
            procs.busy_seconds([self.plan.server_core]),
            procs.busy_seconds(list(self.plan.both)),
        )
