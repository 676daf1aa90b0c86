"""Who asks: users of the real resolvers, and users of the simulated caches. A process of its own.

It is told until when, and writes down how many lookups of each second were answered and how many
were not. The simulated caches' queries go to the authoritative server as packets, from an
address for each habit.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import random
import resource
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.storm import wire
from bench.storm.caches import HABITS, Caches, Outcome, Send, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

TCP_MOST = 4000
"""Connections at once of all simulated caches; a try beyond that is lost, and counted."""


class Order(msgspec.Struct, frozen=True):
    """What the process is to do. Rates are lookups a second of all users together.

    ``resolvers``: the addresses of each kind of real resolver, by name; ``sources``: from which
    address each habit sends. ``patience``: how many seconds a user waits. ``flush_at``: when
    the simulated caches forget everything. Times are those of the monotonic clock.
    """

    server: str
    resolvers: dict[str, list[str]]
    user_rate: float
    sources: dict[str, str]
    caches: int
    cache_rate: float
    names: int
    zipf: float
    ttl: int
    seed: int
    patience: float
    start: float
    until: float
    flush_at: float | None
    output: str


class Tally(msgspec.Struct):
    """What became of the lookups: ``rows`` of (second, group, answered, failed).

    ``lost``: TCP tries that could not be made; ``late``: the most seconds that a user, or the
    end of a try, came too late because the machine was busy.
    """

    rows: list[tuple[int, str, int, int]]
    lost: int
    late: float


class Agenda:
    """Things to be done at times; ``late``: the most seconds that one was done too late."""

    def __init__(self) -> None:
        self.late = 0.0
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = itertools.count()

    def at(self, when: float, what: Callable[[float], None]) -> None:
        """Have ``what`` be called, with the time, at ``when``."""
        heapq.heappush(self._heap, (when, next(self._number), what))

    def run(self, now: float) -> float:
        """Do what is due; return when the next thing is."""
        while self._heap and self._heap[0][0] <= now:
            when, _, what = heapq.heappop(self._heap)
            self.late = max(self.late, now - when)
            what(max(when, now))
        return self._heap[0][0] if self._heap else now + 1


class Counts:
    """Lookups by second and group."""

    def __init__(self) -> None:
        self.answered: Counter[tuple[int, str]] = Counter()
        self.failed: Counter[tuple[int, str]] = Counter()

    def add(self, group: str, outcome: Outcome) -> None:
        """Count one lookup in the second in which it was asked."""
        counter = self.answered if outcome.answered else self.failed
        counter[int(outcome.asked), group] += 1

    def rows(self) -> list[tuple[int, str, int, int]]:
        """Return second, group, answered, failed."""
        keys = sorted(self.answered.keys() | self.failed.keys())
        return [(*key, self.answered[key], self.failed[key]) for key in keys]


class Loop:
    """Sockets and the agenda."""

    def __init__(self) -> None:
        self.agenda = Agenda()
        self.selector = selectors.DefaultSelector()

    def run(self, until: float) -> None:
        """Work until the time is up."""
        while (now := time.monotonic()) < until:
            due = self.agenda.run(now)
            for key, _ in self.selector.select(max(0.0, min(due, until) - time.monotonic())):
                key.data()


class Resolvers:
    """The users of the real resolvers: each lookup is one query, and one wait."""

    def __init__(self, order: Order, loop: Loop, counts: Counts) -> None:
        self._order, self._loop, self._counts = order, loop, counts
        self._rng = random.Random(f"{order.seed} users")
        self._addresses = [(kind, at) for kind, ats in order.resolvers.items() for at in ats]
        self._weights = zipf(order.names, order.zipf)
        self._socket = udp("0.0.0.0")
        self._open: dict[int, tuple[float, str]] = {}
        self._number = 0
        loop.selector.register(self._socket, selectors.EVENT_READ, self._receive)

    def begin(self) -> None:
        """Have the first user come."""
        self._loop.agenda.at(self._order.start, self._ask)

    def _ask(self, now: float) -> None:
        rng = self._rng
        kind, address = rng.choice(self._addresses)
        host = rng.choices(range(self._order.names), cum_weights=self._weights)[0]
        self._number = number = (self._number + 1) % 65536
        self._open[number] = (now, kind)
        self._loop.agenda.at(
            now + self._order.patience, lambda _: self._done(number, now, answered=False)
        )
        self._loop.agenda.at(now + rng.expovariate(self._order.user_rate), self._ask)
        send(self._socket, wire.query(number, host, recursion=True), address)

    def _receive(self) -> None:
        for message in drain(self._socket):
            number = wire.message_id(message)
            if number in self._open:
                self._done(number, self._open[number][0], answered=wire.is_answer(message))

    def _done(self, number: int, asked: float, *, answered: bool) -> None:
        found = self._open.get(number)
        if found is not None and found[0] == asked:
            del self._open[number]
            self._counts.add(found[1], Outcome(asked, answered))


class Population:
    """The simulated caches of one habit and their users."""

    def __init__(self, order: Order, loop: Loop, counts: Counts, habit: int) -> None:
        self._order, self._loop = order, loop
        name = HABITS[habit].name
        self._source = order.sources[name]
        self._rng = random.Random(f"{order.seed} {name}")
        self.caches = Caches(
            HABITS[habit], order.patience, lambda outcome: counts.add(name, outcome)
        )
        self._rate = order.cache_rate / len(HABITS)
        self._many = order.caches // len(HABITS)
        self._caches = zipf(self._many, order.zipf)
        self._names = zipf(order.names, order.zipf)
        self._socket = udp(self._source)
        self._open: dict[int, int] = {}
        self._number = 0
        self._connections = 0
        self.lost = 0
        loop.selector.register(self._socket, selectors.EVENT_READ, self._receive)

    def begin(self) -> None:
        """Begin in the stationary state, and have the first user come."""
        order = self._order
        rates = pair_rates(self._rate, self._caches, self._names)
        self.caches.begin(order.start, rates, order.ttl, self._rng)
        self._loop.agenda.at(order.start, self._ask)
        if order.flush_at is not None:
            self._loop.agenda.at(order.flush_at, lambda _: self.caches.flush())

    def _ask(self, now: float) -> None:
        rng = self._rng
        cache = rng.choices(range(self._many), cum_weights=self._caches)[0]
        host = rng.choices(range(self._order.names), cum_weights=self._names)[0]
        self._loop.agenda.at(now + rng.expovariate(self._rate), self._ask)
        self._do(self.caches.look_up(now, cache * self._order.names + host))

    def _do(self, wanted: Send | None) -> None:
        if wanted is None:
            return
        pair, attempt, transport, until = wanted
        self._loop.agenda.at(until, lambda now: self._do(self.caches.time_out(now, pair, attempt)))
        self._number = number = (self._number + 1) % 65536
        message = wire.query(number, pair % self._order.names, recursion=False)
        if transport is Transport.UDP:
            self._open[number] = pair
            send(self._socket, message, self._order.server)
        elif self._connections < TCP_MOST:
            self._connect(pair, message, until)
        else:
            self.lost += 1

    def _receive(self) -> None:
        for message in drain(self._socket):
            pair = self._open.pop(wire.message_id(message), None)
            if pair is not None and wire.is_answer(message):
                self.caches.answer(time.monotonic(), pair, self._order.ttl)

    def _connect(self, pair: int, message: bytes, until: float) -> None:
        """Ask over TCP; the connection ends with the answer, an error, or the time."""
        try:
            connection = tcp(self._source)
        except OSError:
            # No descriptor or no port is left.
            self.lost += 1
            return
        self._connections += 1
        open_ = [True]

        def close(_: float = 0.0) -> None:
            if open_[0]:
                open_[0] = False
                self._connections -= 1
                self._loop.selector.unregister(connection)
                connection.close()

        def readable() -> None:
            try:
                found = connection.recv(4096)
            except OSError:
                found = b""
            if wire.is_answer(found[2:]):
                self.caches.answer(time.monotonic(), pair, self._order.ttl)
            close()

        def writable() -> None:
            try:
                connection.send(len(message).to_bytes(2, "big") + message)
            except OSError:
                close()
            else:
                self._loop.selector.modify(connection, selectors.EVENT_READ, readable)

        connection.connect_ex((self._order.server, wire.PORT))
        self._loop.selector.register(connection, selectors.EVENT_WRITE, writable)
        self._loop.agenda.at(until, close)


def zipf(count: int, exponent: float) -> list[float]:
    """Return the cumulative shares of ``count``, the largest first."""
    sums = list(itertools.accumulate(rank**-exponent for rank in range(1, count + 1)))
    return [each / sums[-1] for each in sums]


def pair_rates(rate: float, caches: list[float], names: list[float]) -> list[float]:
    """Return the lookups a second of each pair, from cumulative shares of caches and of names."""
    one, other = (
        [later - earlier for earlier, later in itertools.pairwise([0.0, *shares])]
        for shares in (caches, names)
    )
    return [rate * cache * name for cache in one for name in other]


def udp(source: str) -> socket.socket:
    """Return a UDP socket that is not connected: it hears of no refusal, as many resolvers."""
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    found.setblocking(False)
    found.bind((source, 0))
    return found


def tcp(source: str) -> socket.socket:
    """Return a TCP socket that does not block."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setblocking(False)
    try:
        found.bind((source, 0))
    except OSError:
        found.close()
        raise
    return found


def send(sender: socket.socket, message: bytes, address: str) -> None:
    """Send; what the kernel cannot send now is lost, as on any network."""
    try:
        sender.sendto(message, (address, wire.PORT))
    except OSError:
        return


def drain(receiver: socket.socket) -> list[bytes]:
    """Return what has come, at most so much that time goes on."""
    found = []
    for _ in range(200):
        try:
            found.append(receiver.recv(4096))
        except OSError:
            break
    return found


def main() -> None:
    """``python -m bench.storm.users ORDER`` (a JSON file)."""
    order = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Order)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()
    loop, counts = Loop(), Counts()
    populations = [Population(order, loop, counts, habit) for habit in range(len(HABITS))]
    for population in populations:
        population.begin()
    if order.resolvers:
        Resolvers(order, loop, counts).begin()
    loop.run(order.until)
    for population in populations:
        population.caches.end()
    lost = sum(population.lost for population in populations)
    tally = Tally(counts.rows(), lost, loop.agenda.late)
    Path(order.output).write_bytes(msgspec.json.encode(tally))


if __name__ == "__main__":
    main()
