"""The master: starts the other processes, watches them, replaces them, and ends them.

It holds the VIPs' interface, which ends with it. It knows no zones and speaks no network
protocol, so little in it can fail. Signal handlers only queue; the loop acts.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dnsd import hotpath
from dnsd.daemon.children import is_serving
from dnsd.daemon.progress import ProgressLine
from dnsd.daemon.pulse import Pulse
from dnsd.daemon.vigil import Vigil
from dnsd.image.state import ControlCells, FirstLoad, MasterCells, XfrdCells
from dnsd.process.log import say
from dnsd.process.silence import Chance

if TYPE_CHECKING:
    from dnsd.config import Anycast, Server
    from dnsd.daemon.attendant import Attendant
    from dnsd.daemon.child import Child
    from dnsd.daemon.notify import Notifier
    from dnsd.image.state import StateVector

TICK_S = 0.05
STARTING_TICK_S = 0.01
"""Seconds of a turn until the node is ready: an operator is waiting."""
STOP_S = 5.0
"""Seconds that the others may take to end before they are killed; workers need one for TCP."""
CONTROL_PATIENCE = 10
"""Clients do not wait for control and transfers: they may be silent this many times longer,"""
CONTROL_SILENCE_S = 10.0
"""and never less than this."""
STARTS = 3
"""If a process ends this often before the node is ready, the start has failed."""
LEAVE_S = 2.0
"""Seconds by which leaving the route may exceed the configuration: control may hang."""
PATIENCE_S = 30.0
"""Seconds of patience to request from the service manager, repeatedly, while zones load."""

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Carries(Protocol):
    """A carrier, or several of them as one; see :class:`dnsd.daemon.carrier.Carrier`."""

    @property
    def up(self) -> bool:
        """Whether there is one."""

    def turn(self) -> bool:
        """Do what is due; return whether it was taken because of silence."""

    def set(self, up: bool) -> None:
        """Give it or take it, whatever the orders are."""


class Processes(NamedTuple):
    """The processes of a node; ``transfers`` is None if there is nothing to transfer.

    ``workers`` are by their seats.
    """

    control: Child
    workers: dict[int, Child]
    transfers: Child | None = None


class CarrierSettings(NamedTuple):
    """What the master has to do with anycast: the carrier, and its settings.

    ``doorbell`` is an eventfd that control writes to when it has an order.
    """

    carrier: Carries
    settings: Anycast
    doorbell: int


class Master:
    """Runs all ``processes`` until a signal says stop.

    ``route`` is None for a node without VIPs. ``attendant`` answers for control while it is down.
    """

    def __init__(
        self,
        server: Server,
        vector: StateVector,
        processes: Processes,
        notifier: Notifier,
        route: CarrierSettings | None = None,
        *,
        attendant: Attendant | None = None,
    ) -> None:
        self._server = server
        self._route = route
        self._attendant = attendant
        self._vector = vector
        self._control, self._workers, self._transfers = processes
        self._children = [self._control, *self._workers.values()]
        if self._transfers:
            self._children.append(self._transfers)
        self._notify = notifier
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._signals = socket.socketpair()
        self._line = ProgressLine(sys.stderr)
        self._ready = False
        self._stopping = False
        self._status = 0
        self._leads = True
        self._vigil = Vigil(vector, self._worker_limit(), TICK_S, seats=[*self._workers])
        self._pulse = self._pulse_of(self._control)
        self._transfers_pulse = self._pulse_of(self._transfers) if self._transfers else None
        self._hangup = 0
        self._next_alive = 0.0
        self._next_wait = 0.0
        self._leave_until = 0.0
        self._signalled: list[signal.Signals] = []

    def run(self) -> int:
        """Serve until told to stop; return the exit status."""
        self._take_signals()
        try:
            while not self._stopping:
                self._turn()
        finally:
            self._stop()
        return self._status

    def _take_signals(self) -> None:
        for each in (self._wakeup, self._signals):
            each.setblocking(False)
        signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, lambda *_: None)  # the number is in the pipe
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._queue_signals)
        if self._route:
            self._selector.register(self._route.doorbell, selectors.EVENT_READ, self._take_the_bell)

    def _turn(self) -> None:
        """Start what is due, wait for something to happen, and look after everything."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None and child.due <= now and self._may_run(child):
                self._start(child, now)
            child.feed()
        if self._attendant:
            self._attend(self._attendant)
        for number in self._wait(TICK_S if self._ready else STARTING_TICK_S):
            self._on_signal(number)
        now = time.monotonic()
        self._look_for_stuck(now)
        if self._leads:
            if self._route:
                self._follow(self._route, now)
            self._look(now)
        self._hand_on(now)

    def _may_run(self, _child: Child) -> bool:
        """Tell whether a process is to run: each is, unless it is another master's to have it."""
        return True

    def _hand_on(self, now: float) -> None:
        """Go on with handing the node on to another master, or taking it over."""

    def _wait(self, seconds: float) -> list[signal.Signals]:
        """Wait for something to happen, note it, and return the signals that have come."""
        self._signalled = []
        for key, _ in self._selector.select(seconds):
            key.data()
        return self._signalled

    def _queue_signals(self) -> None:
        self._signalled += map(signal.Signals, self._wakeup.recv(4096))

    # -- children -----------------------------------------------------------------------------

    def _worker_limit(self) -> float:
        """Return the seconds of silence after which a worker is killed."""
        limit = self._server.heartbeat * self._server.heartbeat_miss
        # Its share of the queries is lost until its sockets are closed.
        return min(limit, self._route.settings.heartbeat_miss) if self._route else limit

    def _pulse_of(self, child: Child) -> Pulse:
        limit = self._server.heartbeat * self._server.heartbeat_miss * CONTROL_PATIENCE
        return Pulse(max(limit, CONTROL_SILENCE_S), TICK_S, Chance(lambda: child.pid))

    def _look_for_stuck(self, now: float) -> None:
        """Kill processes that could make progress but do not; workers one at a time."""
        beat = self._vector.control[ControlCells.HEARTBEAT]
        if self._leads and beat and self._pulse.look(now, beat):
            self._kill(self._control)
        if self._leads and self._transfers and self._transfers_pulse:
            beat = self._vector.xfrd[XfrdCells.HEARTBEAT]
            if beat and self._transfers_pulse.look(now, beat):
                self._kill(self._transfers)
        chosen = self._vigil.look(now)
        if chosen is not None:
            self._kill(self._workers[chosen])

    def _kill(self, child: Child) -> None:
        why = f"{child.name} has made no progress for too long: killing it"
        say("process-stuck", why, child=child.name)
        child.send(signal.SIGKILL)

    def _attend(self, attendant: Attendant) -> None:
        """Answer control's clients while it is down."""
        down = self._leads and not self._vector.control[ControlCells.HEARTBEAT]
        if down == (attendant.fileno() in self._selector.get_map()):
            return
        if down:
            self._selector.register(attendant, selectors.EVENT_READ, attendant.answer)
        else:
            self._selector.unregister(attendant)

    def _start(self, child: Child, now: float) -> None:
        if child is self._control:
            self._pulse = self._pulse_of(child)
        elif child is self._transfers:
            self._transfers_pulse = self._pulse_of(child)
        try:
            child.start(now)
        except OSError as error:
            # Out of memory, processes or descriptors: no reason to end what still runs.
            wait = child.due - now
            why = f"{child.name} cannot be started ({error.strerror}): next try in {wait:.1f} s"
            say("process-unstartable", why, child=child.name)
            return
        assert child.process
        self._selector.register(child.pidfd, selectors.EVENT_READ, partial(self._on_end, child))
        if child.ends:
            pid = child.process.pid
            told = f"{child.name} is restarted as pid {pid}"
            say("process-restarted", told, child=child.name, number=pid)
        if child is self._control and self._hangup:
            child.send(signal.SIGHUP)

    def _on_end(self, child: Child) -> None:
        assert child.process
        pid = child.process.pid
        self._selector.unregister(child.pidfd)
        how = child.ended(time.monotonic())
        if self._stopping or not self._may_run(child):
            return
        say("process-ended", f"{child.name} (pid {pid}) {how}", child=child.name, number=pid)
        if not self._ready and child.ends >= STARTS and child is not self._transfers:
            why = f"{child.name} ended before it was ready: see its messages above; dnsd stops"
            say("start-failed", why, child=child.name)
            self._status, self._stopping = 1, True

    # -- signals ------------------------------------------------------------------------------

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            self._hangup = time.monotonic_ns()
            self._notify.reloading()
            self._control.send(signal.SIGHUP)
        elif self._route and self._route.carrier.up and not self._leave_until:
            self._leave(self._route.settings)
        else:
            self._stopping = True

    # -- the route ----------------------------------------------------------------------------

    def _take_the_bell(self) -> None:
        assert self._route
        os.eventfd_read(self._route.doorbell)

    def _follow(self, route: CarrierSettings, now: float) -> None:
        """Follow control's orders about the carrier, and act without control if it cannot wait."""
        if route.carrier.turn():
            say("carrier-silenced", f"{self.SILENCE}: the VIPs are withdrawn")
        if self._leave_until and (
            now >= self._leave_until or self._vector.control[ControlCells.STOPPED]
        ):
            self._stopping = True

    def _leave(self, settings: Anycast) -> None:
        """Let control drain and withdraw the node before anything ends."""
        self._leave_until = (
            time.monotonic() + settings.drain_linger + settings.stop_linger + LEAVE_S
        )
        self._vector.master[MasterCells.STOPPING] = time.monotonic_ns()
        self._notify.stopping()

    def _leave_at_once(self, route: CarrierSettings) -> None:
        """Withdraw if control has not, and keep answering for a moment."""
        if route.carrier.up:
            route.carrier.set(False)
            until = time.monotonic() + route.settings.stop_linger
            while (left := until - time.monotonic()) > 0:
                self._wait(left)

    def _stop(self) -> None:
        """End all children: ask them first; a second signal hurries."""
        self._stopping = True
        self._notify.stopping()
        if self._route:
            self._leave_at_once(self._route)
        until = time.monotonic() + STOP_S
        for child in self._children:
            child.send(signal.SIGTERM)
        while self._running() and (left := until - time.monotonic()) > 0:
            if any(number != signal.SIGHUP for number in self._wait(left)):
                break
        for child in self._children:
            child.send(signal.SIGKILL)
        while self._running():
            self._wait(1)
        with suppress(OSError):
            self._server.admin_socket.unlink()

    def _running(self) -> bool:
        return any(child.process for child in self._children)

    # -- what is told -------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        """Check the state of the node, and tell the service manager."""
        serving = self._serving()
        if not self._ready:
            self._look_for_ready(serving)
        elif self._hangup and self._vector.control[ControlCells.RELOADED] >= self._hangup:
            self._hangup = 0
            self._notify.ready()
        if self._ready:
            leaving = "leaving the route; " if self._leave_until else ""
            self._notify.status(f"{leaving}{self._how_it_is(serving)}")
        busy = self._hangup or self._leave_until or not self._ready
        if busy and now >= self._next_wait:
            self._next_wait = now + PATIENCE_S / 3
            self._notify.wait(PATIENCE_S)
        if self._notify.watchdog and now >= self._next_alive:
            self._next_alive = now + self._notify.watchdog
            self._notify.alive()

    def _serving(self) -> int:
        """Return how many of the workers serve."""
        return sum(map(is_serving, map(self._vector.worker, self._workers)))

    def _look_for_ready(self, serving: int) -> None:
        if self._is_ready(serving):
            self._ready = True
            self._line.clear()
            say("node-ready", f"ready {self._with_what(serving)}")
            self._notify.ready()
        else:
            text = self._progress()
            self._notify.status(text)
            self._line.show(text)

    # -- what differs in a director -------------------------------------------------------------

    SILENCE = "no worker is alive"
    """Why the carrier is switched off without an order."""

    def _is_ready(self, serving: int) -> bool:
        loaded = self._vector.control[ControlCells.LOADED] != FirstLoad.UNDER_WAY
        return loaded and serving == len(self._workers)

    def _with_what(self, serving: int) -> str:
        """Return the words after "ready"."""
        vips = self._route.settings.endpoints if self._route else ()
        where = ", ".join(map(str, (*self._server.listen, *vips)))
        workers = f"{serving} worker{'s' if serving > 1 else ''}"
        return f"on {where} ({workers}, {self._zones()}, {_hot_path()})"

    def _how_it_is(self, serving: int) -> str:
        """Return the status for the service manager."""
        return f"{self._zones()}, {serving} of {len(self._workers)} workers"

    def _progress(self) -> str:
        cells = self._vector.control
        total, built = cells[ControlCells.TO_BUILD], cells[ControlCells.BUILT]
        return f"loading zones: {built:,} of {total:,}" if total > 1 else "loading zones"

    def _zones(self) -> str:
        cells = self._vector.control
        zones, coming = cells[ControlCells.ZONES], cells[ControlCells.COMING]
        broken = max(0, cells[ControlCells.BROKEN] - coming)
        text = f"{zones} zone{'' if zones == 1 else 's'}"
        text += f", {broken} of them broken" if broken else ""
        return f"{text}, {coming} of them still being loaded" if coming else text


def _hot_path() -> str:
    return f"hot path {hotpath.implementation()}"
