"""What happens to the node of a soak, one after the other: each trouble goes on for a while.

A trouble knows for how long after each blow queries may be lost, and why: what is lost at any other
time is unexplained.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.soak import questions
from bench.soak.node import send
from bench.study.errors import StudyError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from bench.soak.node import Node

VICTIM = 0
"""The worker that is killed and stopped; the other one lives from the beginning to the end."""
CONVERGE_S = 30.0
IDLE = 400
FLOOD_SECONDS = 0.5
_CHUNK = 500


@dataclass(slots=True)
class Blows:
    """What a trouble does, how often, and when it did it (monotonic, s)."""

    node: Node
    rng: random.Random
    serial: int = 1
    at: list[float] = field(default_factory=list)

    def change(self) -> None:
        """Change the zone file."""
        self.serial += 1
        self.node.change(self.serial)

    def hit(self, pid: int, number: signal.Signals) -> None:
        """Send a signal, and remember when; without a process (0) there is no blow."""
        if pid:
            self.at.append(time.monotonic())
            send(pid, number)

    def converged(self) -> float | None:
        """Return how long it takes until the last change is served; None if it is not in time."""
        begin = time.monotonic()
        while questions.serial(self.node.port) != self.serial:
            if time.monotonic() - begin > CONVERGE_S:
                return None
            time.sleep(0.05)
        return time.monotonic() - begin


@dataclass(frozen=True, slots=True)
class Trouble:
    """``turn`` is called every ``pause`` seconds. ``around`` sets up and takes back.

    For ``loses`` seconds after each blow queries may be lost, because of ``why``.
    """

    name: str
    what: str
    turn: Callable[[Blows], None]
    pause: float = 2.0
    loses: float = 0.0
    why: str = "nothing may be lost"
    around: Callable[[Blows], contextlib.AbstractContextManager[object]] = lambda _: (
        contextlib.nullcontext()
    )

    @property
    def kills_control(self) -> bool:
        """Whether control does not outlive it."""
        return self.turn is _kill_control


def _nothing(_: Blows) -> None:
    return


def _kill_worker(blows: Blows) -> None:
    blows.hit(_victim(blows.node), signal.SIGKILL)


def _stop_worker(blows: Blows) -> None:
    blows.hit(_victim(blows.node), signal.SIGSTOP)


def _kill_control(blows: Blows) -> None:
    blows.change()
    blows.hit(blows.node.control(), signal.SIGKILL)


def _victim(node: Node) -> int:
    """Return the pid of a worker, 0 while control does not answer: the next turn asks again."""
    try:
        return node.workers().get(VICTIM, 0)
    except StudyError:
        return 0


def _flood(blows: Blows) -> None:
    """Send garbage, and questions without an end, for a moment, from one network."""
    blows.at.append(time.monotonic())
    messages = [blows.rng.randbytes(blows.rng.randrange(64)) for _ in range(_CHUNK)]
    messages += [questions.host(number) for number in range(_CHUNK)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((f"127.66.0.{blows.rng.randrange(1, 255)}", 0))
        sock.setblocking(False)
        until = time.monotonic() + FLOOD_SECONDS
        while time.monotonic() < until:
            for message in messages:
                with contextlib.suppress(OSError):
                    sock.sendto(message, ("127.0.0.1", blows.node.port))


@contextlib.contextmanager
def _connections(blows: Blows) -> Iterator[None]:
    """Hold connections that begin a message and do not end it, from many sources."""
    with contextlib.ExitStack() as stack:
        for number in range(IDLE):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            sock.settimeout(1)
            with contextlib.suppress(OSError):
                sock.bind((f"127.67.0.{number % 250 + 1}", 0))
                sock.connect(("127.0.0.1", blows.node.port))
                sock.sendall(b"\0")
        yield


@contextlib.contextmanager
def _full(blows: Blows) -> Iterator[None]:
    blows.node.fill()
    try:
        yield
    finally:
        blows.node.free()


TROUBLES = (
    Trouble("quiet", "nothing happens", _nothing),
    Trouble("reload", "the zone file changes four times a second", Blows.change, 0.25),
    Trouble(
        "kill a worker",
        "one of two workers is killed (SIGKILL)",
        _kill_worker,
        4.0,
        2.0,
        "what waits in the dead worker's socket is lost",
    ),
    Trouble(
        "stop a worker",
        "one of two workers is stopped (SIGSTOP)",
        _stop_worker,
        8.0,
        5.0,
        "its share is lost until it is replaced",
    ),
    Trouble("kill control", "the control process is killed", _kill_control, 4.0),
    Trouble(
        "flood",
        "garbage and repeated queries as fast as one core sends them",
        _flood,
        2.0,
        FLOOD_SECONDS + 1.5,
        "the receive queue overflows",
    ),
    Trouble(
        "connections",
        f"{IDLE} TCP connections that never end their message",
        _nothing,
        around=_connections,
    ),
    Trouble(
        "full disk", "no room in the state directory; changes", Blows.change, 1.0, around=_full
    ),
    Trouble(
        "full disk, control dies",
        "the same, and control is killed",
        _kill_control,
        5.0,
        around=_full,
    ),
)
