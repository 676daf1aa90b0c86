"""The measurement itself: rounds in which every server in turn is started, checked and loaded."""

from __future__ import annotations

import itertools
import os
import platform
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import load, procs, verify, zonegen
from bench.load import Load, LoadError
from bench.peers import Unavailable
from bench.peers.base import Setup
from bench.results import Report, Sample, Start
from bench.server import Server, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peers import Peer
    from bench.zonegen import Mix, ZonePlan

WARM_UP_S = 0.5
SAMPLE = 50
"""Answers of each kind that are checked before a server is timed."""

FAILURES = (LoadError, ServerError, verify.NoAnswer, verify.WrongAnswer)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: the zone, the kinds of load, how long, on which cores."""

    zone: ZonePlan
    mixes: list[Mix]
    load: Load
    rounds: int
    queries: int
    server_core: int
    load_core: int


@dataclass(slots=True)
class Run:
    """A measurement under way; ``say`` is told of every step."""

    plan: Plan
    directory: Path
    say: Callable[[str], None]
    samples: list[Sample] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Write the zone file and the query files."""
        self.say(f"writing a zone of {self.plan.zone.records:,} records")
        self.plan.zone.write(self.directory / "zone")
        for mix in self.plan.mixes:
            zonegen.write_queries(
                self.directory / mix, self.plan.zone.queries(mix, self.plan.queries)
            )

    def measure(self, peer: Peer, round_: int) -> None:
        """Measure ``peer`` once; a failure ends its part in the run."""
        if peer.name in self.skipped:
            return
        directory = self.directory / f"{peer.name}.{round_}"
        directory.mkdir()
        zone = self.directory / "zone"
        setup = Setup(directory, zonegen.ORIGIN, zone, verify.free_port())
        try:
            with Server(peer, setup, self.plan.server_core) as server:
                self._measure(server, round_)
        except FAILURES as error:
            self.skipped[peer.name] = str(error)
            self.say(f"{peer.name}: {error}")

    def _measure(self, server: Server, round_: int) -> None:
        name = server.peer.name
        loaded = server.wait(self.plan.zone.proof())
        self.say(f"round {round_}: {name} answered after {loaded.seconds:.2f} s")
        if server.peer.answers:
            for mix in self.plan.mixes:
                verify.check_sample(server.setup.port, self.plan.zone.queries(mix, SAMPLE))
        for mix in self.plan.mixes:
            sample = self._load(server, mix, round_)
            self.samples.append(sample)
            self.say(
                f"round {round_}: {name} {mix}: {sample.cpu_us:.2f} µs, {sample.qps:,.0f} q/s,"
                f" {sample.loss:.2%} lost, others used {sample.foreign:.0%}"
            )
        memory = procs.memory(server.pids())
        self.starts.append(
            Start(
                server=name,
                round=round_,
                seconds=loaded.seconds,
                cpu=loaded.cpu,
                pss_peak=loaded.pss_peak,
                pss=memory.pss,
                rss_peak=memory.peak,
            )
        )

    def _load(self, server: Server, mix: Mix, round_: int) -> Sample:
        plan, port, queries = self.plan, server.setup.port, self.directory / mix
        load.run(Load(WARM_UP_S, plan.load.rate, plan.load.edns), port, queries, plan.load_core)
        pids = server.pids()
        before = self._clocks(pids)
        outcome = load.run(plan.load, port, queries, plan.load_core)
        wall, cpu, generator, core, both = (
            after - earlier for after, earlier in zip(self._clocks(pids), before, strict=True)
        )
        answers = max(outcome.completed, 1)
        rcodes = zonegen.RCODES[mix] if server.peer.answers else outcome.rcodes.keys()
        return Sample(
            server=server.peer.name,
            round=round_,
            mix=mix,
            qps=outcome.qps,
            cpu_us=cpu / answers * 1e6,
            core_us=core / answers * 1e6,
            latency_us=outcome.latency * 1e6,
            loss=outcome.lost / max(outcome.sent, 1),
            wrong=sum(n for rcode, n in outcome.rcodes.items() if rcode not in rcodes),
            busy=cpu / outcome.seconds,
            foreign=max(0.0, (both - cpu - generator) / (2 * wall)),
        )

    def _clocks(self, pids: list[int]) -> tuple[float, ...]:
        """Seconds so far: wall, the server's, the load generator's, its core's, both cores'."""
        cores = [self.plan.server_core, self.plan.load_core]
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (
            time.monotonic(),
            procs.cpu_seconds(pids),
            ended.ru_utime + ended.ru_stime,
            procs.busy_seconds(cores[:1]),
            procs.busy_seconds(cores),
        )


def run(plan: Plan, peers: list[Peer], reference: str, say: Callable[[str], None]) -> Report:
    """Measure ``peers`` as ``plan`` says, interleaved round by round."""
    versions, missing = _versions(peers)
    for name, why in missing.items():
        say(f"{name}: {why}")
    present = [peer for peer in peers if peer.name in versions]
    with tempfile.TemporaryDirectory(prefix="dnsd-bench-") as name, procs.pinned(plan.load_core):
        current = Run(plan, Path(name), say, skipped=missing)
        Path(name).chmod(0o755)
        current.prepare()
        for round_ in range(1, plan.rounds + 1):
            # A different order each time: nobody always comes after the same neighbour.
            start = (round_ - 1) % max(len(present), 1)
            for peer in itertools.chain(present[start:], present[:start]):
                current.measure(peer, round_)
    return Report(
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine(),
        settings=settings(plan),
        reference=reference,
        servers=versions,
        notes={peer.name: peer.note for peer in present},
        skipped=current.skipped,
        samples=current.samples,
        starts=current.starts,
    )


def _versions(peers: list[Peer]) -> tuple[dict[str, str], dict[str, str]]:
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for peer in peers:
        try:
            versions[peer.name] = peer.version()
        except Unavailable as error:
            missing[peer.name] = str(error)
    return versions, missing


def machine() -> dict[str, str]:
    """Describe the machine: processor, cores, kernel, Python."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "Linux": platform.release(),
        "Python": platform.python_version(),
        "source": _source(),
    }


def _source() -> str:
    """Return which commit of the checkout is measured."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"
    return done.stdout.strip()


def settings(plan: Plan) -> dict[str, str]:
    """Describe what of ``plan`` shapes the figures."""
    return {
        "names": f"{plan.zone.names:,}",
        "records": f"{plan.zone.records:,}",
        "rounds": str(plan.rounds),
        "seconds": f"{plan.load.seconds:g}",
        "rate": f"{plan.load.rate:,}/s" if plan.load.rate else "unlimited",
        "outstanding": str(load.OUTSTANDING),
        "EDNS": "yes" if plan.load.edns else "no",
    }
