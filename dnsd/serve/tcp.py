"""Queries over TCP (RFC 7766, RFC 9210): connections, and the limits that protect them.

The sockets are watched by an epoll of their own, and the event loop watches that one
descriptor. Streams of the loop's would answer as fast, but this way a turn of TCP is one
call with a bound on it, however many connections are busy, so UDP is never kept waiting;
the kernel goes round the connections, so none of them starves; and what waits unsent, a
half-closed peer and a reset are plain facts of a socket instead of a transport's opinion.
Connections have no timers, either: :meth:`TcpServer.sweep` looks at all of them.

While answers to a client wait, no more of its queries are taken, so a fast pipeline on a slow
path is slowed down. A connection is reset when the client reads nothing for ``TcpLimits.stall``
seconds, or when an answer was not delivered within DELIVERED_WITHIN_S: older answers must not
reach a cache any more.

Those that are brief are not even an object here: see :mod:`dnsd.serve.brief`.

So a connection is closed in order only when its client has acknowledged everything. Until then it
is *parting*: shut down for writing, and checked by ``sweep``.
"""

from __future__ import annotations

import errno
import math
import select
import socket
import sys
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from dnsd.hotpath.api import HAND_OVER, Client, Transport
from dnsd.metrics.counters import INDEX
from dnsd.process import descriptors
from dnsd.serve import brief, sockets
from dnsd.serve.acceptors import Acceptors
from dnsd.serve.connection import BadLength, Connection, ForTransfers, Late
from dnsd.serve.patience import overdue
from dnsd.serve.turn import ACCEPTS, END_S, EVENTS, MESSAGES, SWEEP_S, TCP_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dnsd.hotpath.api import HotPath
    from dnsd.metrics.counters import Counters
    from dnsd.serve.handover import HandOver
    from dnsd.serve.quota import Quota
    from dnsd.serve.spec import TcpLimits
    from dnsd.wire.handed import HandedStream

_ACCEPTED, _REFUSED = INDEX["tcp_accepted"], INDEX["tcp_refused_source"]
_EVICTED, _LATE = INDEX["tcp_evicted"], INDEX["tcp_reset_late"]
_BAD_LENGTH = INDEX["tcp_closed_bad_length"]


class TcpServer:
    """The TCP side of a worker; ``clock`` gives seconds that never go back, as since_boot does."""

    def __init__(
        self,
        hotpath: HotPath,
        counters: Counters,
        quota: Quota,
        limits: TcpLimits,
        idle: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._answer = hotpath.answer
        self._counters = counters
        self._quota = quota
        self._limits = limits
        self._idle = idle
        self._clock = clock or sockets.since_boot
        self._epoll = select.epoll()
        self._listeners = Acceptors(self._epoll)
        self._brief = brief.make(self._epoll, hotpath, counters, quota, clock)
        # By descriptor; the one that has been idle longest comes first.
        self._connections: OrderedDict[int, Connection] = OrderedDict()
        # Left over from an earlier turn: sockets that were ready, and a round of sweep.
        self._ready: deque[int] = deque()
        self._unswept: deque[Connection] = deque()
        self._finishing = False
        self.transfers: HandOver | None = None
        """The link to the transfer process, if there is one."""
        self.descriptors = sys.maxsize
        """Connections get descriptors below this number; the others are reserved, above all for
        images."""

    def fileno(self) -> int:
        """The descriptor that is readable when :meth:`on_readable` has something to do."""
        return self._epoll.fileno()

    def __len__(self) -> int:
        return len(self._connections) + self._brief.count

    def listen(self, listener: socket.socket) -> None:
        """Accept connections at ``listener``, a non-blocking socket that listens."""
        self._listeners.add(listener)
        self._brief.listen(listener.fileno())

    def on_readable(self) -> None:
        """Do one turn: serve some of the sockets that are ready.

        Those that were ready before and have not been served yet come first. (They still are, so
        there is a next turn; and one that has gone meanwhile may be served for nothing.)
        """
        until = self._clock() + TCP_S
        if not self._ready:
            self._ready.extend(self._brief.poll(until, self.descriptors))
        for _ in range(min(EVENTS, len(self._ready))):
            fd = self._ready.popleft()
            if self._brief.has(fd):
                self._take_over(fd)
            if connection := self._connections.get(fd):
                self._serve(connection, until)
            elif listener := self._listeners.get(fd):
                self._accept(listener, until)
            if self._clock() >= until:
                break

    # -- connections ----------------------------------------------------------------------

    def _take_over(self, fd: int) -> None:
        """Make a connection that was brief one of ours, unless a limit refuses it."""
        left = self._brief.release(fd)
        sock = socket.socket(fileno=fd)
        try:
            client = Client(Transport.TCP, *sock.getpeername()[:2])
        except OSError:  # it has gone already
            sockets.reset(sock)
            return
        if left is None:
            self._admit(sock, client)
        else:
            self._resume(sock, client, left)

    def take_over(self) -> Iterator[None]:
        """Make all connections ours, and those that come; this goes step by step."""
        self._brief.stop()
        while (fd := self._brief.eldest(math.inf)) >= 0:
            self._take_over(fd)
            yield

    def _accept(self, listener: socket.socket, until: float) -> bool:
        """Accept waiting connections, within limits; False if no more can be accepted now."""
        for number in range(ACCEPTS):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno not in descriptors.WANT:
                    continue  # that client has gone already: accept(2), "Error handling"
                # Only the first accept() of a turn is sure to have a client waiting: Linux
                # looks for a descriptor before it looks for a connection.
                if number == 0 and not (error.errno == errno.EMFILE and self._evict()):
                    self._listeners.pause(self._clock())
                return False
            self._admit(sock, Client(Transport.TCP, address[0], address[1]))
            if self._clock() >= until:
                break
        return True

    def _admit(self, sock: socket.socket, client: Client) -> None:
        source = self._quota.source(client.address)
        if self._quota.is_source_full(source):
            self._counters[_REFUSED] += 1
            sockets.reset(sock)
            return
        if self._quota.is_full:
            self._evict()
        # The kernel gives the lowest number that is free: so many descriptors are in use.
        if sock.fileno() >= self.descriptors:
            if not self._evict():
                self._counters[_EVICTED] += 1
                sockets.reset(sock)
                return
            sock = sockets.moved_down(sock)
        self._add(sock, client, self._clock())
        self._counters[_ACCEPTED] += 1

    def adopt(self, sock: socket.socket, left: HandedStream) -> None:
        """Go on with a connection that another worker has ``left``."""
        self._resume(sock, Client(Transport.TCP, left.source), left)

    def _resume(self, sock: socket.socket, client: Client, left: HandedStream) -> None:
        connection = self._add(sock, client, left.at)
        connection.resume(left)
        connection.events = connection.wants()
        self._epoll.modify(connection.fd, connection.events)

    def _add(self, sock: socket.socket, client: Client, moved: float) -> Connection:
        sock.setblocking(False)
        source = self._quota.source(client.address)
        connection = Connection(sock, client, source, moved)
        self._connections[connection.fd] = connection
        self._epoll.register(connection.fd, connection.events)
        self._quota.add(source)
        return connection

    @property
    def connections(self) -> list[Connection]:
        """The open connections."""
        return list(self._connections.values())

    def make_way(self) -> None:
        """Close some connections, because something more important needs a descriptor."""
        for _ in range(ACCEPTS):
            if not self._evict():
                return

    def _evict(self) -> bool:
        """Close the connection that has been idle longest; return False if none is idle."""
        eldest = next(iter(self._connections.values()), None)
        fd = self._brief.eldest(math.inf if eldest is None else eldest.moved)
        if fd >= 0:
            self._take_over(fd)
            eldest = self._connections.get(fd, eldest)
        if eldest is None or not self.has(eldest):
            return False
        self._close(eldest, _EVICTED)
        return True

    def _serve(self, connection: Connection, until: float) -> None:
        """Send what waits, then read and answer; not much longer than ``until``."""
        if connection.is_parting:
            return
        now = self._clock()
        try:
            connection.send(now)
            if not connection.unsent:
                self._answer_messages(connection, now, until)
        except BadLength:
            self._counters[_BAD_LENGTH] += 1
        except ForTransfers as found:
            self._hand_over(connection, found.message, now)
            return
        except Late:
            self._close(connection, _LATE)
            return
        except OSError:
            self._close(connection)
            return
        self._note_activity(connection, now)
        if connection.is_done or (self._finishing and connection.is_quiet):
            self._part(connection)
        elif connection.wants() != connection.events:
            connection.events = connection.wants()
            self._epoll.modify(connection.fd, connection.events)

    def _note_activity(self, connection: Connection, now: float) -> None:
        if connection.moved == now:
            self._connections.move_to_end(connection.fd)

    def _answer_messages(self, connection: Connection, now: float, until: float) -> None:
        """Answer up to ``MESSAGES`` of the connection's messages, in their order."""
        posix_time = time.time()
        connection.receive()
        try:
            for _ in range(MESSAGES):
                message = connection.take(now)
                if message is None:
                    break
                response = self._answer(message, posix_time, connection.client)
                if response == HAND_OVER:
                    raise ForTransfers(message)
                if response is not None:
                    connection.put(response, now)
                if len(connection.unsent) >= self._limits.unsent or self._clock() >= until:
                    break
        finally:
            connection.send(self._clock())

    def _hand_over(self, connection: Connection, message: bytes, now: float) -> None:
        """Give the connection to the transfer process; if that has no room, close it.

        The descriptor that is closed here is not the last one then, so the connection goes on.
        """
        if self.transfers is not None:
            self.transfers.stream(connection.fd, connection.hand_over(message, now))
        self.forget(connection)

    def forget(self, connection: Connection) -> None:
        """Close the descriptor of a connection that goes on in another process."""
        self._epoll.unregister(connection.fd)
        del self._connections[connection.fd]
        self._quota.remove(connection.source)
        connection.sock.close()

    def _part(self, connection: Connection) -> None:
        """Close ``connection`` when its client has everything."""
        if not connection.is_delivered():
            try:
                connection.part()
                self._epoll.unregister(connection.fd)
                return
            except OSError:
                pass  # the client has gone
        self._close(connection)

    def _close(self, connection: Connection, reason: int | None = None) -> None:
        del self._connections[connection.fd]
        self._quota.remove(connection.source)
        if reason is not None:
            self._counters[reason] += 1
        if not connection.unsent and connection.is_delivered():
            sockets.close(connection.sock)
        else:
            sockets.reset(connection.sock)

    # -- time -----------------------------------------------------------------------------

    def sweep(self) -> bool:
        """Close the connections whose time is up; called every 100 ms or so.

        False if there was no time to look at all of them: then call it again soon.
        """
        now = self._clock()
        until = now + SWEEP_S
        if not self._unswept:
            self._listeners.go_on(now)
            while (fd := self._brief.eldest(now - brief.BRIEF_S)) >= 0:
                self._take_over(fd)
                if self._clock() >= until:
                    return False
            self._unswept.extend(self._connections.values())
        while self._unswept:
            connection = self._unswept.popleft()
            if self.has(connection):
                self._look_after(connection, now, until)
            now = self._clock()
            if now >= until:
                break
        return not self._unswept

    def has(self, connection: Connection) -> bool:
        """Return whether ``connection`` is still open."""
        return self._connections.get(connection.fd) is connection

    def _look_after(self, connection: Connection, now: float, until: float) -> None:
        """Close ``connection`` if its time is up, or if it is parting and that is done."""
        if connection.is_late(now):
            self._close(connection, _LATE)
            return
        if connection.is_parting:
            if connection.is_delivered() or sockets.has_ended(connection.sock):
                self._close(connection)
            return
        if connection.waits_for_room:
            connection.look_for_progress(now)
            self._note_activity(connection, now)
        if overdue(connection, now, self._limits, self._idle) is not None:
            self._catch_up(connection, until)
            reason = overdue(connection, now, self._limits, self._idle)
            if reason is not None and self.has(connection):
                self._close(connection, reason)

    def _catch_up(self, connection: Connection, until: float) -> None:
        """Serve ``connection``: its queries may wait in the kernel because this worker was slow.

        Not while its messages wait for room: old queries are no sign of life.
        """
        if not connection.waits_for_room or sockets.has_room(connection.sock):
            self._serve(connection, until)

    # -- the end --------------------------------------------------------------------------

    def finish(self) -> Iterator[None]:
        """Accept what is waiting, then nothing more; close connections as they are answered.

        This goes step by step: the caller looks at the clock in between.
        """
        self._finishing = True
        yield from self.take_over()
        while listener := self._listeners.first():
            for _ in range(sockets.BACKLOG // ACCEPTS):
                if not self._accept(listener, self._clock() + END_S):
                    break
                yield
            self._listeners.close(listener)
        for connection in self.connections:
            if self.has(connection):
                self._serve(connection, self._clock() + END_S)
                yield

    def leave_listeners(self) -> None:
        """Accept nothing more: another process has the listeners, and they stay open there."""
        self._listeners.leave()

    def close(self) -> None:
        """Close everything at once."""
        for _ in self.take_over():
            pass
        for connection in self.connections:
            self._close(connection)
        while listener := self._listeners.first():
            self._listeners.close(listener)
        self._epoll.close()
