"""One worker: its sockets and zones, in one event loop.

Puts the parts of a worker together, and knows when it begins and ends. It waits for no other
process: if control is down, it answers from the last published data.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from dnsd import hotpath
from dnsd.image import secrets
from dnsd.image.memory import Memory
from dnsd.image.state import StateVector, WorkerCells
from dnsd.image.stock import Stock
from dnsd.metrics.counters import INDEX
from dnsd.process import descriptors, log
from dnsd.process.packets import Packets
from dnsd.serve import sockets, turn, udp
from dnsd.serve.estate import Bequest, Reins, bequeath
from dnsd.serve.follow import Follower, Seat
from dnsd.serve.handover import HandOver
from dnsd.serve.quota import Quota
from dnsd.serve.sockets import ListenAddress
from dnsd.serve.spec import PassedSocket
from dnsd.serve.tcp import TcpServer

if TYPE_CHECKING:
    import socket
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator

    from dnsd.serve.spec import WorkerSpec
    from dnsd.serve.udp import UdpSocket

SWEEP = 0.1
"""Seconds between two looks at the TCP connections: how late a limit may take effect."""

EARLY = 0.005
"""Seconds between two looks for the first zones: until they are there nothing is answered."""

FINISH = 1.0
"""Seconds that TCP connections get, after SIGTERM, to be answered."""

RESERVE = 32
"""Descriptors that TCP connections leave free, for new and changed images."""

_OTHER_FILES = 64
"""Descriptors besides connections: listeners, loop, state vector, an image being mapped."""


class Worker:
    """A worker that has bound its sockets and serves when :meth:`run` is called."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        state = StateVector(spec.state_fd, spec.workers)
        log.follow(state.log_level)
        self._head = state.worker(spec.index)
        self._counters = state.counters(spec.index)
        self._secrets = state.secrets
        self._loop: AbstractEventLoop = uvloop.new_event_loop()
        self._hotpath = hotpath.make(
            spec.settings,
            self._counters,
            state.buckets(spec.index),
            sketched=state.sketched(spec.index),
            tapped=state.tapped(spec.index),
        )
        self._tcp = TcpServer(
            self._hotpath,
            self._counters,
            Quota(state, spec.index, spec.tcp),
            spec.tcp,
            spec.settings.tcp_idle,
        )
        self._passed: list[PassedSocket] = []
        self._udp = self._listen()
        self._transfers = self._hand_over()
        self._held = spec.inheritance is not None
        self._reins = self._take_reins()
        self._follower = Follower(
            Stock(Path(spec.images), Memory(spec.images_fd)),
            spec.journal_fd,
            Seat(
                state.control,
                self._head,
                state.cells(spec.index),
                state.gaps(spec.index),
            ),
            self._hotpath,
            self._loop.call_soon,
            self._serve,
        )
        self._serving = False
        self._finishing = False
        self._last_steps: Iterator[None] = iter(())
        self._has_ended = False
        self._due = 0

    def _listen(self) -> list[UdpSocket]:
        """Open every socket; ListenError at the first that fails."""
        spec = self._spec
        bound = []
        for address, port in spec.listen:
            place = ListenAddress(address, port, address in spec.floating)
            bound += [(place, sock) for sock in self._udp_at(place)]
            for listener in self._listeners_at(place):
                self._tcp.listen(listener)
                self._passed.append(PassedSocket(listener.fileno(), address, port, is_tcp=True))
        share = turn.share(len(bound))
        for place, sock in bound:
            one = PassedSocket(sock.fileno(), place.address, place.port, is_tcp=False)
            self._passed.append(one)
        return [
            udp.serve(place, sock, self._hotpath, self._counters, share) for place, sock in bound
        ]

    def _udp_at(self, place: ListenAddress) -> list[socket.socket]:
        if passed := sockets.passed_at(place, self._spec.inheritance, is_tcp=False):
            for sock in passed:
                sockets.ask_receive_buffer(sock, self._spec.udp_receive_buffer)
            return passed
        return [sockets.open_udp(place, self._spec.udp_receive_buffer)]

    def _listeners_at(self, place: ListenAddress) -> list[socket.socket]:
        passed = sockets.passed_at(place, self._spec.inheritance, is_tcp=True)
        return passed or [sockets.open_tcp(place, self._spec.tcp.unsent)]

    def _take_reins(self) -> Reins | None:
        """Return the way to the master, if it has made one."""
        if self._spec.reins is None:
            return None
        return Reins(Packets(self._spec.reins), self._hotpath, self._passed, self._loop.call_later)

    def _hand_over(self) -> HandOver | None:
        """Return the link to the transfer process, if there is one."""
        if self._spec.xfrd_fd is None:
            return None
        places = [each.sock for each in self._udp]
        transfers = HandOver(Packets(self._spec.xfrd_fd), self._hotpath, self._counters, places)
        self._tcp.transfers = transfers
        for each in self._udp:
            each.hand_over_to(transfers)
        return transfers

    def run(self) -> None:
        """Serve until SIGTERM, or until the master is gone."""
        self._loop.set_exception_handler(self._on_fault)
        self._loop.call_soon(self._start)
        self._loop.run_forever()
        self._loop.close()

    def _start(self) -> None:
        # In the loop, because uvloop loses the signals that come before it runs.
        self._loop.add_signal_handler(signal.SIGTERM, self._finish)
        self._loop.add_reader(0, self._on_master)
        if self._reins is not None:
            self._loop.add_reader(self._reins, self._on_reins, self._reins)
        self._head[WorkerCells.PID] = os.getpid()
        self._head[WorkerCells.GENERATION] = self._head[WorkerCells.READ] = 0
        self._head[WorkerCells.SECRETS] = 0
        self._head[WorkerCells.LISTENING] = not self._held
        self._warn()
        # These objects stay for ever: the garbage collector need not look at them again.
        gc.collect()
        gc.freeze()
        self._due = time.monotonic_ns()
        self._take_secrets()
        self._beat()
        self._await_zones()
        self._sweep()

    def _warn(self) -> None:
        """Log what the system does not grant; it is the same for all workers: only one logs it."""
        spec = self._spec
        allowed = descriptors.raise_limit()
        self._tcp.descriptors = max(1, allowed - RESERVE)
        if spec.index != 0:
            return
        if allowed < spec.tcp.connections + _OTHER_FILES:
            log.say(
                "system-limit",
                f"{spec.tcp.connections} TCP connections may be open, but only {allowed} file "
                "descriptors: raise the limit (LimitNOFILE= or ulimit -n) or lower tcp_connections",
            )
        granted = min((sockets.receive_buffer(each.sock) for each in self._udp), default=0)
        if granted < spec.udp_receive_buffer:
            log.say(
                "system-limit",
                f"the receive buffer of UDP sockets is {granted} octets, not the "
                f"{spec.udp_receive_buffer} asked for: raise net.core.rmem_max or lower "
                "udp_receive_buffer",
            )

    def _serve(self) -> None:
        """Begin to read the sockets.

        Not before the zones are in place: a successor of another worker must not refuse its first
        queries. They wait in the socket for these milliseconds.
        """
        if self._serving or self._finishing or self._held:
            return
        self._serving = True
        if self._spec.inheritance is not None:
            self._bequest = Bequest(self._spec.inheritance.bequest, self._tcp)
            self._loop.add_reader(self._bequest, self._on_bequest)
            for each in self._udp:
                each.forget_drops()
        readable = {self._tcp.fileno(), *(each.sock.fileno() for each in self._udp)}
        if self._transfers is not None:
            readable.add(self._transfers.fileno())
            self._loop.add_reader(self._transfers, self._transfers.on_readable)
        for each in self._udp:
            self._loop.add_reader(each.sock, self._on_udp, each)
            each.linger(sorted(readable - {each.sock.fileno()}))
        self._loop.add_reader(self._tcp, self._on_tcp)

    def _on_reins(self, way: Reins) -> None:
        way.on_readable()
        if way.heir is not None:
            self._finish()

    def _on_bequest(self) -> None:
        if not self._bequest.on_readable():
            self._loop.remove_reader(self._bequest)

    def _on_udp(self, each: UdpSocket) -> None:
        each.on_readable()
        if each.owes:
            self._loop.call_soon(self._go_on, each)

    def _go_on(self, each: UdpSocket) -> None:
        """Give ``each`` another turn, unless another socket's turn has done its rest."""
        if each.owes:
            self._on_udp(each)

    def _on_tcp(self) -> None:
        self._tcp.on_readable()
        self._stop_when_finished()

    # -- time -----------------------------------------------------------------------------

    def _beat(self) -> None:
        """Show that the loop turns and how late it is; do the periodic work."""
        now = time.monotonic_ns()
        self._head[WorkerCells.HEARTBEAT] = now
        self._head[WorkerCells.LAG] = max(0, now - self._due)
        self._due = now + round(self._spec.heartbeat * 1e9)
        self._loop.call_later(self._spec.heartbeat, self._beat)
        if not self._finishing:
            for each in self._udp if self._serving else ():
                each.count_drops()
            self._follower.beat()
            if self._follower.is_starved:
                self._tcp.make_way()
            self._take_secrets()

    def _take_secrets(self) -> None:
        """Use the cookie secrets that control has handed out since the start, if any."""
        if secrets.version(self._secrets) == self._head[WorkerCells.SECRETS]:
            return
        if (found := secrets.read(self._secrets)) is not None:
            self._head[WorkerCells.SECRETS], cookie_secrets = found
            self._hotpath.use_secrets(cookie_secrets)

    def _await_zones(self) -> None:
        if not (self._serving or self._finishing):
            self._loop.call_later(EARLY, self._await_zones)
            self._follower.beat()

    def _sweep(self) -> None:
        done = self._tcp.sweep()
        self._loop.call_later(SWEEP if done else 0, self._sweep)
        self._stop_when_finished()

    # -- the end --------------------------------------------------------------------------

    def _finish(self) -> None:
        """Answer the queries that have come, take no more, and stop when all are answered."""
        if self._finishing:
            return
        self._finishing = True
        if self._serving:
            for each in self._udp:
                self._loop.remove_reader(each.sock)
            heir = None if self._reins is None else self._reins.heir
            streams = (
                self._tcp.finish()
                if heir is None
                else bequeath(self._tcp, heir, sockets.since_boot)
            )
            self._last_steps = chain(streams, *(each.closing() for each in self._udp))
        self._loop.call_later(FINISH, self._loop.stop)
        self._take_last_steps()

    def _take_last_steps(self) -> None:
        """Do some of what is left to do, and the rest in the next turns."""
        until = time.monotonic() + turn.END_S
        for _ in self._last_steps:
            if time.monotonic() >= until:
                self._loop.call_soon(self._take_last_steps)
                return
        self._has_ended = True
        self._stop_when_finished()

    def _stop_when_finished(self) -> None:
        if self._has_ended and not self._tcp:
            self._loop.stop()

    def _on_master(self) -> None:
        """Go at once when the master has: a successor brings its own workers.

        All that it ever says is that one which is held may begin.
        """
        if not os.read(0, 4096):
            os._exit(0)
        self._held = False
        self._head[WorkerCells.LISTENING] = 1
        if self._head[WorkerCells.READ]:
            self._serve()

    def _on_fault(self, _loop: AbstractEventLoop, context: dict[str, Any]) -> None:
        self._counters[INDEX["internal_error"]] += 1
        log.say("internal-error", context["message"], cause=context.get("exception"))
