"""The attacks: each is bounded in time and number, and says what it sent and what came back."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from typing import TYPE_CHECKING, NamedTuple

from bench import wire
from bench.abuse.ground import PREFIXES, attacker
from bench.abuse.servers import ADDRESS
from bench.abuse.zones import COLLIDING, HASH, NSEC3, PLAIN, labels

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from bench.abuse.ground import Ground

SEED = 4
AFTER_S = 0.3
"""Seconds for the last answers."""
IDLE, SLOW = 500, 60
"""Connections, over all networks of attackers."""
PIPELINED = 40


class Done(NamedTuple):
    """What an attack did: packets (or connections), octets sent, octets that came back."""

    sent: int
    octets_in: int
    octets_out: int


class Attack(NamedTuple):
    """An attack: its name, what it is, how it runs for so many seconds, and the zone it is at."""

    name: str
    what: str
    run: Callable[[Ground, float], Done]
    zone: str = PLAIN


def flood(
    ground: Ground, packets: Iterator[bytes], rate: int, seconds: float, networks: int
) -> Done:
    """Send ``packets`` at ``rate`` a second from so many networks in turn."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(ground.udp(attacker(n))) for n in range(networks)]
        for sock in sockets:
            sock.setblocking(False)
        sent = octets_in = octets_out = 0
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds + AFTER_S:
            while sent < rate * min(now, seconds):
                packet = next(packets)
                with contextlib.suppress(OSError):
                    sockets[sent % networks].send(packet)
                sent += 1
                octets_in += len(packet)
            for sock in sockets:
                octets_out += _received(sock)
            time.sleep(0.001)
        return Done(sent, octets_in, octets_out)


def _received(sock: socket.socket) -> int:
    octets = 0
    with contextlib.suppress(OSError):
        while True:
            octets += len(sock.recv(65535))
    return octets


def _hostile() -> Iterator[bytes]:
    """Yield damaged queries, and octets that are none."""
    chance = random.Random(SEED)
    whole = wire.message(f"w1.{PLAIN}", "A", edns=True)
    while True:
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        yield bytes(damaged[: chance.randint(0, len(damaged))])
        yield bytes(damaged)
        yield chance.randbytes(chance.randint(0, 600))


def _identical() -> Iterator[bytes]:
    return itertools.repeat(wire.message(f"big.{PLAIN}", "TXT", edns=True))


def _subdomains(zone: str, *, dnssec: bool = False) -> Iterator[bytes]:
    chance = random.Random(SEED)
    while True:
        name, ident = f"{chance.randbytes(6).hex()}.{zone}", chance.randrange(65536)
        yield wire.message(name, "A", ident, edns=True, dnssec=dnssec)


def _dname() -> Iterator[bytes]:
    return itertools.repeat(wire.message(f"x.dd.{PLAIN}", "A", edns=True))


def _colliding() -> Iterator[bytes]:
    missing = [
        wire.message(f"{label}.{HASH}", "A", edns=True)
        for label in itertools.islice(labels(HASH), COLLIDING, 30_000)
    ]
    return itertools.cycle(missing)


def _udp(
    packets: Callable[[], Iterator[bytes]], rate: int, networks: int
) -> Callable[[Ground, float], Done]:
    return lambda ground, seconds: flood(ground, packets(), rate, seconds, networks)


def _connections(ground: Ground, count: int, payload: bytes, stack: contextlib.ExitStack) -> Done:
    """Open connections and send ``payload`` on each, reading nothing."""
    opened = 0
    for number in range(count):
        sock = stack.enter_context(ground.tcp(attacker(number % PREFIXES)))
        with contextlib.suppress(OSError):
            sock.connect((ADDRESS, 53))
            sock.setblocking(False)
            if payload:
                sock.send(payload)
            opened += 1
    return Done(opened, opened * len(payload), 0)


def _idle(ground: Ground, seconds: float) -> Done:
    with contextlib.ExitStack() as stack:
        done = _connections(ground, IDLE, b"", stack)
        time.sleep(seconds)
    return done


def _slow(ground: Ground, seconds: float) -> Done:
    query = wire.message(f"big.{PLAIN}", "TXT", edns=True)
    with contextlib.ExitStack() as stack:
        done = _connections(ground, SLOW, (len(query).to_bytes(2) + query) * PIPELINED, stack)
        time.sleep(seconds)
    return done


def _reconnecting(ground: Ground, seconds: float) -> Done:
    """Connect, ask, go away without reading; again and again."""
    query = wire.message(f"w1.{PLAIN}", "A", edns=True)
    message = len(query).to_bytes(2) + query
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        with contextlib.suppress(OSError), ground.tcp(attacker(count % PREFIXES)) as sock:
            sock.connect((ADDRESS, 53))
            sock.sendall(message)
        count += 1
    return Done(count, count * len(message), 0)


ATTACKS = (
    Attack(
        "hostile packets",
        "damaged queries and random octets, 5,000 a second",
        _udp(_hostile, 5000, 4),
    ),
    Attack(
        "one query",
        "2,000 times a second the query with the largest answer, from one address",
        _udp(_identical, 2000, 1),
    ),
    Attack(
        "random names",
        f"names that do not exist, 4,000 a second from {PREFIXES} networks",
        _udp(lambda: _subdomains(PLAIN), 4000, PREFIXES),
    ),
    Attack(
        "DNAME",
        f"33 octets that lead to 3,000 addresses, 2,000 a second from {PREFIXES} networks",
        _udp(_dname, 2000, PREFIXES),
    ),
    Attack(
        "one CRC-32",
        f"a zone of {COLLIDING:,} names with one CRC-32, and more such names, 2,000 a second",
        _udp(_colliding, 2000, PREFIXES),
        HASH,
    ),
    Attack(
        "NSEC3",
        f"150 iterations, names that do not exist, 2,000 a second from {PREFIXES} networks",
        _udp(lambda: _subdomains(NSEC3, dnssec=True), 2000, PREFIXES),
        NSEC3,
    ),
    Attack("idle TCP", f"{IDLE} connections that say nothing", _idle),
    Attack(
        "slow readers",
        f"{SLOW} connections with {PIPELINED} large answers each that nobody reads",
        _slow,
    ),
    Attack("TCP flood", "connections that ask and go away, one after the other", _reconnecting),
)
