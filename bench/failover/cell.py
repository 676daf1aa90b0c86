"""One cell: a stack is set up, users come, something happens, and what they saw is counted."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.message
import msgspec

from bench.failover import answers, stacks, visits
from bench.failover.ask import SILENCE, read
from bench.failover.ground import Cities
from bench.failover.programs import Program, Programs
from bench.failover.resolvers import resolvers
from bench.failover.results import Cell, Parts
from bench.failover.settings import EACH, HTTP, WWW
from bench.failover.stories import Step
from bench.lab import namespaces
from bench.lab.errors import LabError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from bench.failover.ask import Answer
    from bench.failover.ground import Ground
    from bench.failover.settings import Checks
    from bench.failover.stacks import Stack
    from bench.failover.stories import Story

READY_S = 30.0
"""How long everything may take to work as it should before anything happens."""
GROWN_S = 90.0
"""How long a server may take to be so sure of its services that it gives its longest TTL."""
SAMPLE_S = 0.2
PAIRS = 150
"""Requests on both ways, in turn, to see what a detour costs."""


class Interrupted(Exception):
    """Somebody has asked for the end."""


class Order(NamedTuple):
    """What a cell is to be: its stack and story, how many users come each second."""

    stack: Stack
    story: Story
    checks: Checks
    rate: float

    @property
    def name(self) -> str:
        """A name that no other cell of the study has."""
        return f"{self.stack.name}-{self.story.ground}-{self.story.name}"

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return self.stack.ttl + 2 * self.story.calm + self.story.until

    def __str__(self) -> str:
        return f"{self.stack.title}: {self.story.title} ({self.story.ground})"


def run(order: Order, stop: threading.Event) -> Cell:
    """Measure one cell; LabError says why it could not be. ``stop`` ends it early."""
    ground = order.stack.ground(order.name, order.story.ground)
    with tempfile.TemporaryDirectory(prefix="dnsd-fo-") as temporary:
        directory = Path(temporary)
        directory.chmod(0o755)  # some servers drop their rights
        programs = Programs(directory)
        try:
            ground.up()
            return _Stage(order, ground, directory, programs, stop).play()
        finally:
            ground.down()
            programs.reap()


class _Stage:
    """All that a cell consists of while it is played."""

    def __init__(
        self,
        order: Order,
        ground: Ground,
        directory: Path,
        programs: Programs,
        stop: threading.Event,
    ) -> None:
        self._order, self._ground, self._directory = order, ground, directory
        self._programs, self._stop = programs, stop

    # -- setting up ---------------------------------------------------------------------------

    def play(self) -> Cell:
        """Set up, wait until users have filled the caches, tell the story, count."""
        order, ground = self._order, self._ground
        moving = order.stack.programs(ground, self._directory)
        services = stacks.services(ground, order.stack.port)
        self._programs.start(services)
        self._wait("the services listen", READY_S, lambda: all(map(self._is_ready, services)))
        self._programs.start(moving)
        self._programs.start(resolvers(ground, self._directory))
        self._wait("the name server answers", READY_S, lambda: bool(self._answer().addresses))
        if order.stack.sampled:
            self._wait("the longest TTL is given", GROWN_S, self._is_grown)
            self._programs.start([self._sampler()])
        self._programs.start([self._users()])
        self._wait("users are served", READY_S, self._is_served)
        self._sleep(order.stack.ttl)
        detour = self._detour()
        self._sleep(self._order.story.calm + 1)
        parts = self._parts(moving)
        zero, steps = self._tell()
        self._programs.check()
        return msgspec.structs.replace(self._count(zero, steps), parts=parts, detour_ms=detour)

    def _detour(self) -> list[float]:
        """Return how much longer a request takes than one to the service's own address (ms)."""
        visited = visits.parse(self._lines("users"), 0)[-1].address
        direct = self._ground.services[0].address
        module = ("-m", "bench.failover.detour", visited, str(HTTP), direct)
        where = self._ground.resolvers[0].namespace
        command = (sys.executable, *module, str(self._order.stack.port), str(PAIRS))
        done = namespaces.run(where, *command, timeout=READY_S)
        if done.returncode:
            raise LabError(f"{self._order}: {done.stderr}")
        return [float(word) for word in done.stdout.split()]

    def _answer(self) -> Answer:
        """Return what the name server gives, asked from where it is."""
        host = self._ground.authority
        with namespaces.udp_socket(host.namespace, socket.AF_INET) as sock:
            sock.settimeout(SAMPLE_S)
            with contextlib.suppress(OSError):
                sock.sendto(dns.message.make_query(WWW, "A").to_wire(), (host.address, 53))
                return read(sock.recv(512))
        return SILENCE

    def _is_ready(self, service: Program) -> bool:
        return bool(self._lines(service.name))

    def _is_grown(self) -> bool:
        found = self._answer()
        first = self._ground.services[0].address
        return found.ttl == self._order.stack.ttl and first in found.addresses

    def _is_served(self) -> bool:
        lines = self._programs.output("users").read_text().splitlines()
        return any(visit.server == "s0" for visit in visits.parse(lines, 0))

    def _sampler(self) -> Program:
        host = self._ground.authority
        names = ",".join(self._order.stack.sampled)
        module = ("-m", "bench.failover.sampler", host.address, str(SAMPLE_S), names)
        return Program("sampler", host.namespace, (sys.executable, *module))

    def _users(self) -> Program:
        ground, order = self._ground, self._order
        module = (
            *("-m", "bench.failover.users", WWW, str(order.rate), str(order.stack.ttl)),
            ",".join(host.address for host in ground.resolvers),
            ",".join(ground.sources),
        )
        return Program("users", ground.resolvers[0].namespace, (sys.executable, *module))

    def _parts(self, moving: list[Program]) -> Parts:
        """Count the programs that have a part in moving users, as they run now."""
        processes = self._programs.processes()
        names = [program.name for program in moving if program.moves]
        count = sum(processes[name] for name in names)
        if isinstance(self._ground, Cities):
            more = self._ground.moving()
            names += list(more)
            count += sum(more.values())
        carries = [program.name for program in moving if program.carries]
        return Parts(sorted(names), count, carries)

    # -- telling ------------------------------------------------------------------------------

    def _tell(self) -> tuple[int, list[Step]]:
        """Have everything happen; return when it began (ns), and the steps as they came about."""
        story, zero, done = self._order.story, time.monotonic_ns(), []
        for step in story.steps:
            self._sleep(step.at - (time.monotonic_ns() - zero) / 1e9)
            at = (time.monotonic_ns() - zero) / 1e9
            self._do(step.what)
            done.append(Step(round(at, 3), step.what))
        self._sleep(story.until - (time.monotonic_ns() - zero) / 1e9)
        self._programs.finish("users")
        return zero, done

    def _do(self, what: str) -> None:
        programs, front = self._programs, self._order.stack.front
        if isinstance(self._ground, Cities) and what in {"cut", "mend"}:
            (self._ground.cut if what == "cut" else self._ground.mend)()
            return
        if what in {"move", "return"}:
            self._operate(what)
            return
        actions: dict[str, Callable[[], None]] = {
            "kill": lambda: programs.kill("service0", signal.SIGKILL),
            "end": lambda: programs.kill("service0", signal.SIGTERM),
            "start": lambda: programs.restart("service0"),
            "stop": lambda: programs.send("service0", signal.SIGSTOP),
            "continue": lambda: programs.send("service0", signal.SIGCONT),
            "kill-front": lambda: programs.kill(front, signal.SIGKILL),
            "end-front": lambda: programs.kill(front, signal.SIGTERM),
            "start-front": lambda: programs.restart(front),
        }
        actions[what]()

    def _operate(self, what: str) -> None:
        where, command = self._order.stack.order(what, self._ground, self._directory)
        done = namespaces.run(where.namespace, *command)
        if done.returncode:
            raise LabError(f"{self._order}: {what}: {done.stderr or done.stdout}")

    # -- counting -----------------------------------------------------------------------------

    def _count(self, zero: int, steps: list[Step]) -> Cell:
        """Return what is known in the end."""
        stack, story, _, _ = self._order
        seen = visits.parse(self._lines("users"), zero)
        calm = [visit for visit in seen if -self._order.story.calm <= visit.at < 0]
        after = [visit for visit in seen if 0 <= visit.at < story.until]
        away = [visit for visit in after if visit.server != "s0"]
        by_second = visits.seconds(seen, story.calm, story.until)
        loss = visits.loss(after, 0, story.until)
        back = visits.loss(after, steps[-1].at, story.until)
        samples = answers.parse(self._lines("sampler"), zero) if stack.sampled else []
        watched = [one for one in samples if -self._order.story.calm <= one.at < story.until]
        return Cell(
            stack=stack.name,
            title=stack.title,
            ttl=stack.ttl,
            story=story.name,
            told=story.title,
            ground=story.ground,
            steps=[(step.at, step.what) for step in steps],
            until=story.until,
            first=by_second.first,
            users=by_second.sent,
            failed=by_second.failed,
            sent=loss.sent,
            lost=loss.failed,
            mean_s=round(loss.mean_s, 3),
            last_s=round(loss.last_s, 3),
            back=back.failed,
            outcomes=visits.outcomes(after),
            calm_ms=_milliseconds(calm),
            away_ms=_milliseconds(away),
            seen=round(visits.seen(calm + after), 4),
            detection=self._order.checks.detection(),
            spans=answers.spans(watched),
            verdicts=self._verdicts(watched, steps),
        )

    def _lines(self, name: str) -> list[str]:
        return self._programs.output(name).read_text().splitlines()

    def _verdicts(self, samples: list[answers.Sample], steps: list[Step]) -> list[answers.Verdict]:
        stack, story, checks, _ = self._order
        victim, *others = (host.address for host in self._ground.services)
        down = answers.downs(steps, story.until)
        if not down:
            return []
        times = down, checks.detection(), checks.recovery()
        truths = {
            WWW: answers.Truth(victim, frozenset(), *times),
            EACH: answers.Truth(victim, frozenset(others), *times),
        }
        return [answers.judge(samples, name, truths[name]) for name in stack.sampled]

    # -- waiting ------------------------------------------------------------------------------

    def _wait(self, what: str, seconds: float, true: Callable[[], bool]) -> None:
        until = time.monotonic() + seconds
        while not true():
            self._programs.check()
            if time.monotonic() > until:
                raise LabError(f"{self._order}: not within {seconds:.0f} s: {what}")
            self._sleep(0.1)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise Interrupted


def _milliseconds(seen: list[visits.Visit]) -> list[float]:
    found = visits.latency(seen)
    return [found.http, found.http95] if found else []
