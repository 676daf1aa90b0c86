"""Fills real resolvers with what they would hold at any moment of an endless day.

A name with a demand of λ is held with the probability λT/(1+λT), for a rest of T that is even
over T. A stand-in for the authoritative server gives each answer such a rest as its TTL.
"""

from __future__ import annotations

import random
import selectors
import time
from typing import TYPE_CHECKING

from bench.storm import wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

PATIENCE_S = 20.0
"""How long a resolver may take to start and to give its first answer."""
AGAIN_S = 0.5


def asked(asker: socket.socket, address: str, host: int, *, recursion: bool) -> bool:
    """Ask once for ``host``; tell whether it was answered within AGAIN_S."""
    asker.settimeout(AGAIN_S)
    asker.sendto(wire.query(host, host, recursion=recursion), (address, wire.PORT))
    try:
        return wire.is_answer(asker.recv(4096))
    except OSError:
        return False


def fill(
    server: socket.socket,
    asker: socket.socket,
    addresses: Sequence[str],
    rates: Sequence[float],
    ttl: int,
    seed: int,
) -> None:
    """Have the resolvers at ``addresses`` hold hosts that are looked up at ``rates``.

    ``server`` is where they ask. TimeoutError names a resolver that does not answer.
    """
    rng = random.Random(f"{seed} filling")
    with selectors.DefaultSelector() as selector:
        for each in (server, asker):
            each.setblocking(False)
            selector.register(each, selectors.EVENT_READ)
        for address in addresses:
            held = [
                i for i, rate in enumerate(rates) if rng.random() < rate * ttl / (1 + rate * ttl)
            ]
            # One at least: it shows that the resolver is there.
            for host in held or [0]:
                _hold(selector, (server, asker), address, host, rng, ttl)


def _hold(
    selector: selectors.BaseSelector,
    sockets: tuple[socket.socket, socket.socket],
    address: str,
    host: int,
    rng: random.Random,
    ttl: int,
) -> None:
    """Ask the resolver until it has answered, and answer it."""
    server, asker = sockets
    end = time.monotonic() + PATIENCE_S
    again = 0.0
    while (now := time.monotonic()) < end:
        if now >= again:
            asker.sendto(wire.query(host, host, recursion=True), (address, wire.PORT))
            again = now + AGAIN_S
        for key, _ in selector.select(again - now):
            if key.fileobj is server:
                request, client = server.recvfrom(4096)
                server.sendto(wire.response(request, rng.randint(1, max(1, ttl))), client)
            elif _answers(asker, host):
                return
    raise TimeoutError(address)


def _answers(asker: socket.socket, host: int) -> bool:
    try:
        message = asker.recv(4096)
    except OSError:
        return False
    return wire.message_id(message) == host and wire.is_answer(message)
