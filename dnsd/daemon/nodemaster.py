"""The master of a DNS node, which can hand the node on, and take it over from another master.

For a moment there are two masters; each process of the node, and the lead, belongs to one of them.
The steps, and when they come, are for :mod:`dnsd.daemon.successor` and
:mod:`dnsd.daemon.predecessor` to decide; this module carries them out.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.daemon import children, keeper
from dnsd.daemon.channel import Offer
from dnsd.daemon.master import HANDLED, STOP_S, Master
from dnsd.daemon.steering import Steering
from dnsd.daemon.successor import GONE_S, HandoverStep, Successor
from dnsd.image.journal import JournalReader
from dnsd.image.sharing import layout_of_shared
from dnsd.image.state import ControlCells, Duty, MasterCells, WorkerCells
from dnsd.process import family, reins, stderr
from dnsd.process.log import say

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from dnsd.config import Server
    from dnsd.daemon.attendant import Attendant
    from dnsd.daemon.carrier import Carrier
    from dnsd.daemon.child import Child
    from dnsd.daemon.master import CarrierSettings, Processes
    from dnsd.daemon.notify import Notifier
    from dnsd.daemon.predecessor import Predecessor
    from dnsd.daemon.specs import Shared, WaysToTransfers
    from dnsd.process.packets import Packets

_HEADER = Struct(">6H")
_NUMBER = 0xD45D
_SOA_IN = Struct(">2H").pack(6, 1)


class Holdings(NamedTuple):
    """What a master holds and passes on; ``run`` and ``started`` are those in control's spec.

    ``reins`` are its ends of the sockets to its workers, by seat.
    """

    shared: Shared
    reins: dict[int, Packets]
    ways: WaysToTransfers | None
    spare: socket.socket | None
    steering: socket.socket | None
    locks: list[int]
    carrier: Carrier | None
    interface: str
    run: int
    started: int


class MasterEntry(NamedTuple):
    """How this master took the node over: from its ``predecessor``.

    Held processes report by ``prepared`` that they are ready; ``heirs`` are the sockets by which
    workers get connections.
    """

    predecessor: Predecessor
    prepared: int
    heirs: list[int]


class NodeMaster(Master):
    """Runs a node that it has started, or that it takes over as ``entry`` says."""

    def __init__(
        self,
        server: Server,
        holdings: Holdings,
        processes: Processes,
        notifier: Notifier,
        route: CarrierSettings | None,
        *,
        attendant: Attendant | None = None,
        entry: MasterEntry | None = None,
    ) -> None:
        vector = holdings.shared.vector
        super().__init__(server, vector, processes, notifier, route, attendant=attendant)
        self._holdings = holdings
        self._entry = entry
        self._successor: Successor | None = None
        self._steering = Steering(holdings.steering, self._begin) if holdings.steering else None
        self._lent = self._retired = self._handed = False
        self._released = self._refused = False
        self._postponed: list[signal.Signals] = []
        self._question = b""
        self._unprepared = 1 + (self._transfers is not None)
        self._unanswered = set(self._workers)
        self._leads = entry is None
        if self._leads:
            self._take_lead()

    def run(self) -> int:
        """Serve until told to stop, or until another master serves; return the exit status."""
        status = super().run()
        if self._handed:
            stderr.flush()
            self._pass_signals_on()
            if not self._notify.is_heard and keeper.VARIABLE not in os.environ:
                keeper.become(self._vector)
        return status

    def _pass_signals_on(self) -> None:
        """Send the other master the signals that have come since this one last looked."""
        # Signals wait from now on; if this process becomes a keeper, it takes them then.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self._postponed += self._wait(0)
        for number in self._postponed:
            with suppress(ProcessLookupError):
                os.kill(self._vector.leader, number)

    # -- what differs while there are two --------------------------------------------------------

    def _may_run(self, child: Child) -> bool:
        if self._entry and self._refused:
            return False
        is_worker = child not in (self._control, self._transfers)
        return not (self._retired if is_worker else self._lent)

    def _look(self, now: float) -> None:
        if self._entry is None:
            super()._look(now)  # until then, the old master reports

    def _on_end(self, child: Child) -> None:
        super()._on_end(child)
        if self._entry and not self._stopping:
            self._give_up(f"{child.name} has ended")

    def _on_signal(self, number: signal.Signals) -> None:
        if self._entry:
            # A stop may come too late to keep the old master from ending; and which control must
            # obey a reload is unknown until it has ended.
            self._postponed.append(number)
            if number != signal.SIGHUP and self._entry.predecessor.has_lead:
                self._give_up("it was told to stop")
            return
        if self._successor and number == signal.SIGHUP and not self._leads:
            self._successor.signal(number)
        if self._successor and number != signal.SIGHUP:
            self._successor.fail("dnsd was told to stop")
        super()._on_signal(number)

    def _give_up(self, why: str) -> None:
        """Have the other master killed; if this one's part has just ended, go on instead."""
        assert self._entry
        self._refused = True
        self._entry.predecessor.refuse(why)

    def _stop(self) -> None:
        if not (self._entry or self._handed):
            super()._stop()
            return
        self._stopping = True
        for child in self._children:
            child.send(signal.SIGKILL)
        while self._running():
            self._postponed += self._wait(STOP_S)

    def _hand_on(self, now: float) -> None:
        if self._entry:
            self._entry.predecessor.turn(self)
        elif self._steering and self._ready:
            self._steering.turn()
        if self._successor:
            self._successor.turn(now)
            self._look_at(self._successor)

    def _look_at(self, successor: Successor) -> None:
        if successor.step is HandoverStep.OVER:
            # The service manager must hear this before the new master notifies it.
            self._notify.hand_over(successor.pid)
            successor.farewell()
            self._handed = self._stopping = True
        if successor.step in (HandoverStep.OVER, HandoverStep.FAILED):
            successor.close()
            self._successor = None

    def _take_lead(self) -> None:
        self._leads = True
        self._note_leader(os.getpid())

    def _note_leader(self, pid: int) -> None:
        self._vector.master[MasterCells.LEADER] = pid
        for handle in self._holdings.locks[1:]:
            with suppress(OSError):  # a full disk has no room for the pid
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{pid}\n".encode(), 0)

    def _set_duty(self, duty: Duty) -> None:
        for seat in self._workers:
            self._vector.worker(seat)[WorkerCells.DUTY] = duty

    def _free(self, seats: list[int]) -> None:
        """Free the seats of workers whose master has gone."""
        pids = [int(self._vector.worker(one)[WorkerCells.PID]) for one in seats]
        family.see_off([pid for pid in pids if pid], GONE_S)
        for one in seats:
            children.clear_seat(self._vector, one)
            self._vector.worker(one)[WorkerCells.DUTY] = Duty.VACANT

    # -- as the old one ----------------------------------------------------------------------------

    def _begin(self, command: str) -> str:
        """Begin what a client asks for; return why that is impossible, empty if it has begun."""
        if self._successor:
            return f"dnsd is being handed on to pid {self._successor.pid} already"
        if self._leave_until:
            return "dnsd is leaving the route"
        assert self._steering
        environ = self._notify.handed_on() or {keeper.VARIABLE: "1"}
        try:
            self._successor = Successor(
                self, self._holdings.reins, environ, self._steering.tell, check=command == "check"
            )
        except OSError as error:
            return f"a new master cannot be started: {error.strerror}"
        return ""

    def offer(self, check: bool) -> Offer:
        """See :class:`dnsd.daemon.successor.Giver`."""
        return Offer(
            layout=layout_of_shared(),
            seats=self._vector.workers,
            taken=tuple(self._vector.taken),
            run=self._holdings.run,
            started=self._holdings.started,
            directory=str(self._server.state_directory),
            admin_socket=str(self._server.admin_socket),
            interface=self._holdings.interface,
            check=check,
        )

    def estate(self) -> Iterator[tuple[str, int]]:
        """See :class:`dnsd.daemon.successor.Giver`."""
        holdings = self._holdings
        vector, *memory = holdings.shared
        yield "vector", os.dup(vector.fd)
        for name, fd in zip(("journal", "images", "kept"), memory, strict=True):
            yield name, os.dup(fd)
        for name, sock in (("spare", holdings.spare), ("steering", holdings.steering)):
            if sock is not None:
                yield name, os.dup(sock.fileno())
        for number, handle in enumerate(holdings.locks):
            yield f"lock-{number}", os.dup(handle)
        if self._route and holdings.carrier:
            yield "doorbell", os.dup(self._route.doorbell)
            if (device := holdings.carrier.duplicate()) is not None:
                yield "tun", device
        if holdings.ways:
            yield from holdings.ways.ends()

    def lend(self, force: bool) -> bool:
        """See :class:`dnsd.daemon.successor.Giver`."""
        both = [one for one in (self._control, self._transfers) if one is not None]
        if not self._lent or force:
            for one in both:
                one.send(signal.SIGKILL if force else signal.SIGTERM)
        self._lent = True
        return not any(one.process for one in both)

    def give_lead(self, pid: int) -> None:
        """See :class:`dnsd.daemon.successor.Giver`."""
        self._note_leader(pid)
        self._leads = False

    def retire(self, heirs: list[int]) -> None:
        """See :class:`dnsd.daemon.successor.Giver`."""
        self._retired = True
        self._set_duty(Duty.ASIDE)
        for number, (seat, worker) in enumerate(self._workers.items()):
            if not heirs:
                worker.send(signal.SIGTERM)
            else:
                word = reins.encode(reins.TakeHeir())
                self._holdings.reins[seat].send(word, heirs[number % len(heirs)])
        for fd in heirs:
            os.close(fd)

    def retired(self, force: bool) -> bool:
        """See :class:`dnsd.daemon.successor.Giver`."""
        workers = self._workers.values()
        if force:
            for worker in workers:
                worker.send(signal.SIGKILL)
        return not any(worker.process for worker in workers)

    def take_back(self) -> None:
        """See :class:`dnsd.daemon.successor.Giver`."""
        self._free([one for one in self._vector.taken if one not in self._workers])
        self._set_duty(Duty.SERVING)
        if self._holdings.carrier:
            self._holdings.carrier.resume()
        self._lent = self._retired = False
        self._take_lead()

    # -- as the new one ----------------------------------------------------------------------------

    def is_prepared(self) -> bool:
        """See :class:`dnsd.daemon.predecessor.Taker`."""
        assert self._entry
        with suppress(BlockingIOError):
            self._unprepared -= os.eventfd_read(self._entry.prepared)
        wanted = self._vector.control[ControlCells.GENERATION]
        behind = any(
            cells[WorkerCells.GENERATION] < wanted or not cells[WorkerCells.READ]
            for cells in map(self._vector.worker, self._workers)
        )
        return not (self._unprepared or behind) and self._have_answered()

    def _have_answered(self) -> bool:
        """Ask each worker for something that is published; return whether all have answered."""
        if not self._question:
            reader = JournalReader(self._holdings.shared.journal)
            reader.entries(self._vector.control[ControlCells.EPOCH])
            self._question = _soa_question(next(iter(reader.state), b"\0"))
            for way in self._holdings.reins.values():
                way.send(reins.encode(reins.AskYourself(self._question)))
        for seat, way in self._holdings.reins.items():
            if found := way.receive():
                word = reins.from_worker(found[0])
                if isinstance(word, reins.OwnAnswer) and word.packet[:2] == self._question[:2]:
                    self._unanswered.discard(seat)
        return not self._unanswered

    def lead(self) -> None:
        """See :class:`dnsd.daemon.predecessor.Taker`."""
        # It is still the heartbeat of the old control: the new one has not begun.
        self._vector.control[ControlCells.HEARTBEAT] = 0
        if self._holdings.carrier:
            self._holdings.carrier.resume()
        self._take_lead()
        for one in (self._control, self._transfers):
            if one is not None:
                one.release()

    def begin(self) -> bool:
        """See :class:`dnsd.daemon.predecessor.Taker`."""
        if not self._vector.control[ControlCells.HEARTBEAT]:
            return False
        self.begin_at_once()
        return self._serving() == len(self._workers)

    def begin_at_once(self) -> None:
        """See :class:`dnsd.daemon.predecessor.Taker`."""
        if self._released:
            return
        self._released = True
        self._set_duty(Duty.SERVING)
        for worker in self._workers.values():
            worker.release()

    def heirs(self) -> list[int]:
        """See :class:`dnsd.daemon.predecessor.Taker`."""
        assert self._entry
        return [os.dup(one) for one in self._entry.heirs]

    def go_on_alone(self, gone: tuple[int, ...]) -> None:
        """See :class:`dnsd.daemon.predecessor.Taker`."""
        assert self._entry
        self._free([*gone])
        for one in self._entry.heirs:
            os.close(one)
        os.close(self._entry.prepared)
        self._entry = None
        pid = os.getpid()
        say("handover-done", f"pid {pid} controls the node now", number=pid)
        postponed, self._postponed = self._postponed, []
        for number in postponed:
            self._on_signal(number)


def _soa_question(apex: bytes) -> bytes:
    """Return a query for the SOA of a zone."""
    return _HEADER.pack(_NUMBER, 0, 1, 0, 0, 0) + apex + _SOA_IN
