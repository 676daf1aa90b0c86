"""One storm: caches are filled, the server fails for a while, it returns. Real time.

Starts everything, in the two namespaces; the counting is left to the tap and to the users.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from bench.lab import namespaces
from bench.peers.base import Unavailable
from bench.peers.dnsd import COMMAND, PATHS
from bench.resolvers import Place, Resolver, flush
from bench.running import Ended, Running
from bench.storm import priming, wire
from bench.storm.caches import HABITS
from bench.storm.net import SERVER, WIRE, Net, net, resolver, source
from bench.storm.study import Series, Storm
from bench.storm.users import Order, Tally, pair_rates, zipf
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from bench.study.progress import Steps

START_S = 30.0
PRIORITY = ("nice", "-n", "-10")
"""Each of them is a machine of its own in truth, which nothing else on this one can starve."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who asks how much, and how long each part of a storm is (whole seconds).

    ``resolvers``: each kind of real resolver with how many there are. Rates are lookups a
    second of all users of the real resolvers, and of all users of the ``caches``. ``patience``:
    how many seconds a user waits; ``lead``: how long before the first second users begin.
    """

    resolvers: tuple[tuple[Resolver, int], ...]
    user_rate: float
    caches: int
    cache_rate: float
    names: int
    zipf: float
    before: int
    outage: int
    after: int
    seed: int
    stale: bool = False
    patience: float = 5.0
    lead: float = 4.0

    @property
    def seconds(self) -> int:
        """Return how long a storm takes, without what prepares it."""
        return self.before + self.outage + self.after


@dataclass(frozen=True, slots=True)
class Scene:
    """What is different from storm to storm."""

    ttl: int
    failure: str
    cold: bool = False


class _Real(NamedTuple):
    """A real resolver that runs."""

    kind: Resolver
    place: Place


def run(plan: Plan, scene: Scene, steps: Steps) -> Storm:
    """Play ``scene``; StudyError when something does not start or ends before its time."""
    many = sum(count for _, count in plan.resolvers)
    with (
        tempfile.TemporaryDirectory(prefix="bench-storm-") as name,
        net(many, len(HABITS)) as made,
        contextlib.ExitStack() as stack,
    ):
        try:
            return _Play(plan, scene, made, Path(name), stack).play(steps)
        except (Ended, Unavailable) as error:
            raise StudyError(f"the storm could not be played: {error}") from error


class _Play:
    """One storm on its way."""

    def __init__(
        self, plan: Plan, scene: Scene, made: Net, directory: Path, stack: contextlib.ExitStack
    ) -> None:
        self._plan, self._scene, self._net = plan, scene, made
        self._directory, self._stack = directory, stack
        self._zone = directory / "zone"
        self._zone.write_text(wire.zone_text(plan.names, scene.ttl))
        self._real = self._resolvers()
        self._server: Running | None = None

    def play(self, steps: Steps) -> Storm:
        plan = self._plan
        steps.begin(f"TTL {self._scene.ttl} s: resolvers are started and filled")
        for real in self._real:
            command = real.kind.prepare(real.place).command
            self._run(self._net.clients, command, real.place.directory)
        self._fill()
        self._start_server()
        start = math.ceil(time.monotonic() + plan.lead + 1)
        tap, users = self._observers(start)
        self._outage(start, steps)
        self._sleep(start + plan.seconds, steps, start)
        for running in (tap, users):
            running.finish(plan.patience + START_S)
        return self._found(start)

    # What runs

    def _run(self, namespace: str, command: list[str], directory: Path) -> Running:
        directory.mkdir(exist_ok=True)
        environment = {"PYTHONPATH": PATHS, "STATE_DIRECTORY": str(directory)}
        line = [*PRIORITY, *namespaces.command(namespace, *command)]
        return self._stack.enter_context(Running(line, directory, environment))

    def _resolvers(self) -> list[_Real]:
        found: list[_Real] = []
        for kind, many in self._plan.resolvers:
            for _ in range(many):
                number = len(found)
                directory = self._directory / f"resolver{number}"
                directory.mkdir()
                zone = wire.ORIGIN.rstrip(".")
                place = Place(
                    directory,
                    resolver(number),
                    wire.PORT,
                    zone,
                    SERVER,
                    stale=self._plan.stale,
                )
                found.append(_Real(kind, place))
        return found

    def _start_server(self) -> None:
        """Start dnsd and wait until it answers."""
        listen = ["--listen", f"{SERVER}:{wire.PORT}", "--workers=1"]
        command = [*COMMAND, "serve", "--zone", f"{wire.ORIGIN}={self._zone}", *listen]
        self._server = self._run(self._net.server, command, self._directory / "dnsd")
        with self._net.client_socket() as asker:
            self._server.wait(lambda: priming.asked(asker, SERVER, 0, recursion=False), START_S)

    def _fill(self) -> None:
        """Have the real resolvers hold what they would hold at any moment."""
        plan = self._plan
        rate = plan.user_rate / max(1, len(self._real))
        rates = pair_rates(rate, [1.0], zipf(plan.names, plan.zipf))
        with self._net.server_socket() as server, self._net.client_socket() as asker:
            addresses = [real.place.address for real in self._real]
            try:
                priming.fill(server, asker, addresses, rates, self._scene.ttl, plan.seed)
            except TimeoutError as error:
                raise StudyError(f"a resolver does not answer: {error}") from error

    def _observers(self, start: int) -> tuple[Running, Running]:
        """Start who counts and who asks."""
        plan, scene = self._plan, self._scene
        until = start + plan.seconds
        addresses: dict[str, list[str]] = {}
        for real in self._real:
            addresses.setdefault(real.kind.name, []).append(real.place.address)
        order = Order(
            server=SERVER,
            resolvers=addresses,
            user_rate=plan.user_rate,
            sources={habit.name: source(i) for i, habit in enumerate(HABITS)},
            caches=plan.caches,
            cache_rate=plan.cache_rate,
            names=plan.names,
            zipf=plan.zipf,
            ttl=scene.ttl,
            seed=plan.seed,
            start=start - plan.lead,
            patience=plan.patience,
            until=until + plan.patience + 0.5,
            flush_at=start + plan.before + plan.outage if scene.cold else None,
            output=str(self._directory / "tally.json"),
        )
        path = self._directory / "order.json"
        path.write_bytes(msgspec.json.encode(order))
        python = [sys.executable, "-m"]
        tap = [*python, "bench.storm.tap", WIRE, str(until), str(self._directory / "tap.json")]
        users = [*python, "bench.storm.users", str(path)]
        return (
            self._run(self._net.server, tap, self._directory / "tap"),
            self._run(self._net.clients, users, self._directory / "users"),
        )

    # What happens

    def _outage(self, start: int, steps: Steps) -> None:
        """Have the server fail, and return."""
        plan = self._plan
        self._sleep(start + plan.before, steps, start)
        self._fail()
        try:
            self._sleep(start + plan.before + plan.outage, steps, start)
            if self._scene.cold:
                for real in self._real:
                    flush(real.kind, real.place)
        finally:
            self._mend()

    def _fail(self) -> None:
        assert self._server is not None
        if self._scene.failure == "vanished":
            self._net.cut()
        elif self._scene.failure == "hung":
            self._server.signal(signal.SIGSTOP)
        else:
            self._server.stop()

    def _mend(self) -> None:
        assert self._server is not None
        if self._scene.failure == "vanished":
            self._net.mend()
        elif self._scene.failure == "hung":
            self._server.signal(signal.SIGCONT)
        else:
            self._start_server()

    def _sleep(self, until: float, steps: Steps, start: int) -> None:
        """Wait until then, and say how far the storm is."""
        if (now := time.monotonic()) < start:
            time.sleep(start - now)
            label = f"TTL {self._scene.ttl} s, {self._scene.failure}"
            steps.begin(label + (", then cold" if self._scene.cold else ""), self._plan.seconds)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
            steps.reach(time.monotonic() - start)

    # What was found

    def _found(self, start: int) -> Storm:
        plan, scene = self._plan, self._scene
        counted = json.loads((self._directory / "tap.json").read_bytes())
        tally = msgspec.json.decode((self._directory / "tally.json").read_bytes(), type=Tally)
        queries: Counter[tuple[str, str, int]] = Counter()
        groups = self._groups()
        for second, address, transport, number in counted["rows"]:
            if address in groups:
                queries[groups[address], transport, second - start] += number
        results = {(group, second - start): (good, bad) for second, group, good, bad in tally.rows}
        seconds = range(plan.seconds)
        members = Counter(groups.values())
        half = plan.caches // len(HABITS)
        found = [
            Series(
                group=group,
                caches=members[group] if group in _kinds(self._real) else half,
                udp=[queries[group, "udp", second] for second in seconds],
                tcp=[queries[group, "tcp", second] for second in seconds],
                answered=[results.get((group, second), (0, 0))[0] for second in seconds],
                failed=[results.get((group, second), (0, 0))[1] for second in seconds],
            )
            for group in dict.fromkeys(groups.values())
        ]
        return Storm(
            ttl=scene.ttl,
            failure=scene.failure,
            cold=scene.cold,
            before=plan.before,
            outage=plan.outage,
            after=plan.after,
            groups=found,
            dropped=counted["dropped"],
            lost=tally.lost,
            late=tally.late,
        )

    def _groups(self) -> dict[str, str]:
        """Return which group each address belongs to."""
        found = {real.place.address: real.kind.name for real in self._real}
        return found | {source(i): habit.name for i, habit in enumerate(HABITS)}


def _kinds(reals: list[_Real]) -> set[str]:
    """Return the names of the kinds of real resolvers."""
    return {real.kind.name for real in reals}
