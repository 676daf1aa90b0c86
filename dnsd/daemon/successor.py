"""The old master's side of handing the node on: its successor, step by step.

    passing    the workers say which sockets they have; the new master is started and gets all
    rehearsal  it starts workers and control, which hold; nothing of the old one has changed
    lending    control and transfers end here
    serving    they are the successor's; its workers begin beside the old ones
    retiring   the old workers leave their connections, and end
    over       so does this master

What fails before the end, or ends, changes nothing: what was lent is taken back, and started again.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from dnsd.daemon import channel
from dnsd.daemon.channel import Channel
from dnsd.process import family, packets, reins
from dnsd.process.log import say

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterable, Mapping

    from dnsd.daemon.channel import Offer
    from dnsd.process.packets import Packets

PASS_S = 5.0
"""Seconds that workers may take to pass their sockets on."""
REHEARSE_S = 300.0
"""Seconds that a new master may take to prepare: it maps all images."""
SERVE_S = 30.0
"""Seconds that its control and its workers, which are prepared, may take to begin."""
END_S = 5.0
"""Seconds after which a process that is to end here is killed."""
GONE_S = 2.0
"""Seconds that processes may take to end when their master has gone."""


class HandoverStep(Enum):
    """How far the hand-over has come."""

    PASSING = auto()
    REHEARSAL = auto()
    LENDING = auto()
    SERVING = auto()
    RETIRING = auto()
    OVER = auto()
    FAILED = auto()


_LIMITS = {
    HandoverStep.PASSING: PASS_S,
    HandoverStep.REHEARSAL: REHEARSE_S,
    HandoverStep.LENDING: END_S,
    HandoverStep.SERVING: SERVE_S,
    HandoverStep.RETIRING: END_S,
}


class Giver(Protocol):
    """The old master, as far as it hands the node on."""

    def offer(self, check: bool, /) -> Offer:
        """Return the offer: what the node is."""

    def estate(self) -> Iterable[tuple[str, int]]:
        """Yield duplicates of the descriptors that are passed on, by name."""

    def lend(self, force: bool, /) -> bool:
        """Have control and transfers end, if need be by ``force``; return whether they have."""

    def give_lead(self, pid: int, /) -> None:
        """Note, for good, that the process ``pid`` controls the node now."""

    def retire(self, heirs: list[int], /) -> None:
        """Have the workers leave their connections to ``heirs``, and end."""

    def retired(self, force: bool, /) -> bool:
        """Return whether the workers have ended; with ``force`` kill those that have not."""

    def take_back(self) -> None:
        """Go on as if nothing had happened."""


class Successor:
    """A new master, to which ``giver`` hands the node on; with ``check`` it only tries.

    ``ways`` are the sockets to the workers. ``done`` is called with why it failed; empty if it did
    not. With ``environ`` the new process finds the service manager.
    """

    def __init__(
        self,
        giver: Giver,
        ways: Mapping[int, Packets],
        environ: Mapping[str, str],
        done: Callable[[str], object],
        *,
        check: bool,
    ) -> None:
        self.step = HandoverStep.PASSING
        self._giver = giver
        self._ways = ways
        self._done = done
        self._check = check
        self._bound: list[tuple[channel.BoundAt, int]] = []
        self._heirs: list[int] = []
        self._waiting = set(ways)
        ours, theirs = packets.pair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **environ, channel.VARIABLE: str(theirs.fileno())},
                process_group=0,  # Ctrl-C in a terminal is meant for the one that leads
            )
        self._channel = Channel(ours.detach())
        self._pidfd = os.pidfd_open(self._process.pid)
        self._until = time.monotonic() + _LIMITS[self.step]
        say("handover-begun", f"handing on to pid {self.pid}", number=self.pid)
        for way in ways.values():
            way.send(reins.encode(reins.SendSockets()))

    @property
    def pid(self) -> int:
        """The number of the new master."""
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send the new master a signal."""
        self._process.send_signal(number)

    def turn(self, now: float) -> None:
        """Do what is due."""
        self._channel.flush()
        self._hear_workers()
        for word, fd in self._channel.hear():
            match word:
                case channel.Heir():
                    self._heirs.append(fd)
                case channel.Refused():
                    self.fail(word.why)
                case channel.Prepared() if self.step is HandoverStep.REHEARSAL:
                    self._on_prepared()
                case channel.Serving() if self.step is HandoverStep.SERVING:
                    self._giver.retire(self._heirs)
                    self._heirs = []
                    self._go_to(HandoverStep.RETIRING)
        if self.step in _LIMITS:
            if select.select([self._pidfd], [], [], 0)[0] or self._channel.is_over:
                self.fail("it has ended; see its messages above")
            else:
                self._advance(late=now >= self._until)

    def _advance(self, *, late: bool) -> None:
        match self.step:
            case HandoverStep.PASSING if not self._waiting:
                self._pass_on()
            case HandoverStep.LENDING if self._giver.lend(late):
                self._giver.give_lead(self.pid)
                self._channel.say(channel.Yours())
                self._go_to(HandoverStep.SERVING)
            case HandoverStep.RETIRING if self._giver.retired(late):
                self.step = HandoverStep.OVER
                self._done("")
            case HandoverStep.PASSING | HandoverStep.REHEARSAL | HandoverStep.SERVING if late:
                what = self.step.name.lower()
                self.fail(f"it takes too long ({what}: {_LIMITS[self.step]:.0f} s)")

    def _hear_workers(self) -> None:
        for seat, way in self._ways.items():
            while found := way.receive():
                message, fd = found
                word = reins.from_worker(message)
                if isinstance(word, reins.ListeningSocket) and fd is not None:
                    bound = channel.BoundAt(word.address, word.port, word.is_tcp)
                    if seat in self._waiting:
                        self._bound.append((bound, fd))
                    else:
                        os.close(fd)
                elif isinstance(word, reins.AllSockets):
                    self._waiting.discard(seat)

    def _pass_on(self) -> None:
        say_ = self._channel.say
        say_(self._giver.offer(self._check))
        for name, fd in self._giver.estate():
            say_(channel.Passed(name), fd)
        for bound, fd in self._bound:
            say_(bound, fd)
        self._bound = []
        say_(channel.OfferEnds())
        self._go_to(HandoverStep.REHEARSAL)

    def _on_prepared(self) -> None:
        if self._check:
            self.fail("")
        else:
            self._go_to(HandoverStep.LENDING)

    def _go_to(self, step: HandoverStep) -> None:
        self.step = step
        self._until = time.monotonic() + _LIMITS[step]

    def fail(self, why: str) -> None:
        """End the new master, and take everything back; ``why`` is empty if that was intended."""
        if self.step not in _LIMITS:
            return
        self.step = HandoverStep.FAILED
        family.end(self._process, GONE_S)
        for _, fd in self._bound:
            os.close(fd)
        self._giver.take_back()
        if why:
            told = f"pid {self.pid} has not taken over: {why}; everything is as before"
            say("handover-failed", told, number=self.pid, reason=why)
        self._done(why)

    def farewell(self) -> None:
        """Tell the new master that it is alone now."""
        self._channel.say(channel.Farewell())

    def close(self) -> None:
        """Close this side of the channel."""
        self._channel.close()
        for fd in self._heirs:
            os.close(fd)
        os.close(self._pidfd)
