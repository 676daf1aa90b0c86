"""The dearest packets put to other servers: CPU time of their processes for each query."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import procs
from bench.dearest.scenes import PLAIN, Scene
from bench.dearest.shapes import Asked, question
from bench.peers import PEERS
from bench.peers.base import Setup, Unavailable
from bench.running import Ended, Running

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]

NAMES = ("nsd", "knot", "named")
QUERIES = 600
WINDOW = 16
WAIT_S = 0.2
START_S = 30.0


def compare(scene: Scene, asked: list[Asked], say: Say) -> dict[str, list[float]]:
    """Return, by server, the microseconds of a plain hit and of each of ``asked``.

    A server that does not run here, or does not load the zone, is left out.
    """
    found = {}
    for name in NAMES:
        try:
            found[name] = _measure(name, scene, asked)
        except (Unavailable, Ended) as error:
            say(f"{name}, {scene.name}: left out ({error})")
    return found


def _measure(name: str, scene: Scene, asked: list[Asked]) -> list[float]:
    with tempfile.TemporaryDirectory() as directory:
        zone = Path(directory, "zone")
        zone.write_text(scene.text)
        setup = Setup(Path(directory), "example.", zone, _free_port())
        start = PEERS[name].prepare(setup)
        plain = question(PLAIN, "A")
        with Running(start.command, setup.directory, start.environment) as server:
            server.wait(lambda: _is_served(setup.port, plain), START_S)
            return [_cost(server, setup.port, each) for each in (plain, *asked)]


def _cost(server: Running, port: int, asked: Asked) -> float:
    """Return the microseconds of CPU time for each query that was answered."""
    least = float("inf")
    for _ in range(3):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", port))
            client.settimeout(WAIT_S)
            pids = server.pids()
            before = procs.cpu_seconds(pids)
            answered = sum(_window(client, asked.packet) for _ in range(QUERIES // WINDOW))
            spent = procs.cpu_seconds(pids) - before
        least = min(least, spent / max(1, answered))
    return least * 1e6


def _window(client: socket.socket, packet: bytes) -> int:
    for _ in range(WINDOW):
        client.send(packet)
    for answered in range(WINDOW):
        try:
            client.recv(65535)
        except OSError:
            return answered
    return WINDOW


def _is_served(port: int, plain: Asked) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(WAIT_S)
        try:
            client.send(plain.packet)
            return client.recv(512)[6:8] == b"\0\1"
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
