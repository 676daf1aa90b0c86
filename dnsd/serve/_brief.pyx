# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, embedsignature=True
"""Brief connections: accepted, one query, one answer, closed, without a Python object.

Most clients come over TCP because an answer was truncated: they ask once and close. This waits for
the descriptors of the server's epoll, and does what such a client needs. Whatever is not so simple
it leaves to :class:`dnsd.serve.tcp.TcpServer`, with all that has been received and not been sent: a
second query, a message in pieces or of an impossible length, a query that the hot path declines, an
answer that does not fit into the socket or is not acknowledged when the client closes, a limit that
is reached, and a connection that grows old.
"""

import socket
from time import time

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset
from posix.time cimport clock_gettime, timespec
from posix.unistd cimport close

from dnsd.hotpath.native.server cimport Server
from dnsd.hotpath.native.stream cimport answer_stream
from dnsd.serve.kernel cimport *

from dnsd.hotpath.api import HAND_OVER, Client, Transport
from dnsd.image.state import WorkerCells
from dnsd.metrics.counters import INDEX
from dnsd.serve.turn import ACCEPTS
from dnsd.wire.delivery import DELIVERED_WITHIN_S
from dnsd.wire.handed import HandedStream

cdef enum:
    EVENTS = 32               # descriptors of one epoll_wait()
    FEW = 1                   # after more than so many, more are likely to have come meanwhile
    PREFIX = 2                # octets of a message's length (RFC 1035, 4.2.2)
    SMALLEST = 12             # octets of a message: its header
    LARGEST = 65535
    ROOM = 4096               # octets read at once: one query

cdef enum:                    # what a descriptor is
    NONE
    LISTENER
    BRIEF
    REFUSED                   # accepted, but a limit stands against it

cdef int TCP_OPEN = WorkerCells.TCP_OPEN
cdef int ACCEPTED = INDEX["tcp_accepted"]
cdef int LATE = INDEX["tcp_reset_late"]
cdef int ACCEPTS_ = ACCEPTS
cdef double WITHIN = DELIVERED_WITHIN_S


cdef struct Place:
    uint8_t what
    uint8_t octets            # of the address
    uint16_t port
    uint16_t source           # its cell in the quota
    uint8_t address[16]
    int before, behind        # in the order in which clients acted: descriptors, or -1
    double moved              # when this one last did
    double composed           # when its answer was composed; 0: it has got none


cdef class BriefConnections:
    """The brief connections of a worker. See :class:`dnsd.serve.brief.Brief`."""

    cdef int epoll
    cdef object hotpath, quota, clock
    cdef Server *server       # of the native hot path; NULL: of another
    cdef uint64_t[::1] counters
    cdef list heads, tables   # of all workers, kept mapped
    cdef uint64_t **all_heads
    cdef uint16_t **all_tables
    cdef int workers, connections, per_source
    cdef uint64_t *head       # our own
    cdef uint16_t *table
    cdef dict received, unsent
    cdef Place *places        # by descriptor
    cdef int size
    cdef readonly int count
    cdef int first, last      # of those places that are taken: idle longest, and shortest
    cdef epoll_event events[EVENTS]
    cdef int next, ready      # those of them that are not served yet
    cdef uint8_t *query
    cdef uint8_t *answer

    def __cinit__(self, epoll, hotpath, counters, quota, clock=None):
        self.epoll = epoll
        self.hotpath, self.quota, self.clock = hotpath, quota, clock
        self.counters = counters
        self.first = self.last = -1
        self.server = NULL
        if (streams := getattr(hotpath, "streams", None)) is not None:
            self.server = <Server *>PyCapsule_GetPointer(streams, NULL)
        self.received, self.unsent = {}, {}
        self.query = <uint8_t *>malloc(ROOM)
        self.answer = <uint8_t *>malloc(PREFIX + LARGEST)
        self._see(quota)
        if not (self.query and self.answer):
            raise MemoryError

    cdef _see(self, quota):
        """Look at the cells of ``quota``."""
        cdef uint64_t[::1] head
        cdef uint16_t[::1] table
        cdef int i
        self.heads, self.tables = list(quota.heads), list(quota.tables)
        self.workers = len(self.heads)
        self.connections, self.per_source = quota.limits.connections, quota.limits.per_source
        self.all_heads = <uint64_t **>malloc(self.workers * sizeof(uint64_t *))
        self.all_tables = <uint16_t **>malloc(self.workers * sizeof(uint16_t *))
        if not (self.all_heads and self.all_tables):
            raise MemoryError
        for i in range(self.workers):
            head, table = self.heads[i], self.tables[i]
            self.all_heads[i], self.all_tables[i] = &head[0], &table[0]
        self.head, self.table = self.all_heads[<int>quota.index], self.all_tables[<int>quota.index]

    def __dealloc__(self):
        free(self.places)
        free(self.query)
        free(self.answer)
        free(self.all_heads)
        free(self.all_tables)

    def listen(self, int fd):
        """Accept connections at the listener ``fd``, which the epoll watches."""
        self._place(fd).what = LISTENER

    def poll(self, double until, Py_ssize_t descriptors):
        """See :meth:`dnsd.serve.brief.Brief.poll`."""
        cdef list left = []
        cdef bint many = True
        while many and not left:
            if self.next == self.ready:
                self.next = 0
                self.ready = max(0, epoll_wait(self.epoll, self.events, EVENTS, 0))
            many = self.ready > FEW
            while self.next < self.ready:
                self.next += 1
                self._serve(self.events[self.next - 1].data.fd, until, descriptors, left)
                if self._now() >= until:
                    return left
        return left

    cdef _serve(self, int fd, double until, Py_ssize_t descriptors, list left):
        """Serve what is ready at ``fd``, or add it to what is left to the server."""
        cdef int what = self.places[fd].what if fd < self.size else NONE
        cdef bint served = False
        if what == BRIEF:
            served = self._exchange(fd)
        elif what == LISTENER:
            served = self._accept(fd, until, descriptors, left)
        if not served:
            left.append(fd)

    def stop(self):
        """See :meth:`dnsd.serve.brief.Brief.stop`."""
        cdef int fd
        for fd in range(self.size):
            if self.places[fd].what == LISTENER:
                self.places[fd].what = NONE

    def has(self, int fd):
        """See :meth:`dnsd.serve.brief.Brief.has`."""
        return fd < self.size and self.places[fd].what in (BRIEF, REFUSED)

    def eldest(self, double moved):
        """See :meth:`dnsd.serve.brief.Brief.eldest`."""
        return self.first if self.first >= 0 and self.places[self.first].moved <= moved else -1

    def release(self, int fd):
        """See :meth:`dnsd.serve.brief.Brief.release`."""
        cdef Place *place = &self.places[fd]
        epoll_ctl(self.epoll, EPOLL_CTL_DEL, fd, NULL)
        if place.what == REFUSED:
            self._forget(fd)
            return None
        left = HandedStream(
            self.received.pop(fd, b""),
            self.unsent.pop(fd, b""),
            self._text(place),
            place.composed or None,
            place.moved,
        )
        self._forget(fd)
        return left

    # -- one descriptor ---------------------------------------------------------------------

    cdef bint _accept(self, int listener, double until, Py_ssize_t descriptors, list left):
        """Accept what waits, within limits; False if it is not as simple as that."""
        cdef dnsd_peer peer
        cdef socklen_t length
        cdef int fd, number
        for number in range(ACCEPTS_):
            if self._is_full():
                return False
            length = sizeof(peer)
            fd = accept4(listener, &peer.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd < 0:
                # Linux looks for a descriptor before it looks for a connection: only the first
                # time there was sure to be one.
                return errno == EAGAIN or number > 0
            if self._add(fd, &peer, descriptors) and not self._exchange(fd):
                left.append(fd)
            if self._now() >= until:
                return True
        return True

    cdef bint _add(self, int fd, dnsd_peer *peer, Py_ssize_t descriptors):
        """Take a connection; False if a limit stands against it, or memory for it is missing."""
        cdef Place *place = self._place(fd)
        cdef bint admitted = self._know(place, peer)
        cdef epoll_event event
        admitted = admitted and fd < descriptors and not self._is_source_full(place.source)
        # One that is refused is always ready, so that the server has it before long.
        event.events, event.data.fd = EPOLLIN if admitted else EPOLLOUT, fd
        if epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &event) < 0:
            close(fd)
            return False
        self.count += 1
        self._append(fd)
        place.what = BRIEF if admitted else REFUSED
        if admitted:
            place.moved = self._now()
            self.head[TCP_OPEN] += 1
            self.table[place.source] += 1
            self.counters[ACCEPTED] += 1
        return admitted

    cdef bint _know(self, Place *place, dnsd_peer *peer):
        """Note who the client is; False if its address means something on one link only."""
        memset(place, 0, sizeof(Place))
        place.port = ntohs(peer.in_.sin_port)  # where an IPv6 address has it, too
        if peer.any.sa_family == AF_INET:
            place.octets = 4
            memcpy(place.address, &peer.in_.sin_addr, 4)
        elif IN6_IS_ADDR_LINKLOCAL(&peer.in6.sin6_addr):
            return False
        else:
            place.octets = 16
            memcpy(place.address, &peer.in6.sin6_addr, 16)
        place.source = self.quota.source(self._text(place))
        return True

    cdef bint _exchange(self, int fd):
        """Take a query and send its answer, or close; False if it is not as simple as that."""
        cdef Place *place = &self.places[fd]
        cdef Py_ssize_t got = recv(fd, self.query, ROOM, MSG_DONTWAIT)
        cdef double composed
        cdef int length
        if got < 0:
            return errno in (EAGAIN, EINTR) or self._reset(fd)
        if got == 0:
            return self._part(fd)
        if place.composed or not self._is_one_message(got):
            return self._leave(fd, got)
        composed = self._now()
        length = self._answer(place, got - PREFIX)
        if length < 0:
            return self._leave(fd, got)
        place.moved = composed
        self._unlink(place)
        self._append(fd)
        return length == 0 or self._send(fd, length, composed)

    cdef bint _is_one_message(self, Py_ssize_t got):
        return got >= PREFIX + SMALLEST and (self.query[0] << 8 | self.query[1]) == got - PREFIX

    cdef bint _leave(self, int fd, Py_ssize_t got):
        """Keep what has been received for who takes the connection over. Always False."""
        self.received[fd] = PyBytes_FromStringAndSize(<char *>self.query, got)
        return False

    cdef bint _send(self, int fd, int length, double composed):
        """Send the answer; False if some of it has to wait."""
        cdef Place *place = &self.places[fd]
        cdef Py_ssize_t sent, size = PREFIX + length
        self.answer[0], self.answer[1] = length >> 8, length & 0xFF
        if self._now() - composed > WITHIN:
            self.counters[LATE] += 1
            return self._reset(fd)
        place.composed = composed
        sent = send(fd, self.answer, size, MSG_DONTWAIT | MSG_NOSIGNAL)
        if sent == size:
            return True
        if sent < 0 and errno not in (EAGAIN, EINTR):
            return self._reset(fd)
        sent = max(0, sent)
        self.unsent[fd] = PyBytes_FromStringAndSize(<char *>self.answer + sent, size - sent)
        return False

    cdef int _answer(self, Place *place, int size):
        """Compose the answer to the query; -1 if it is not for the hot path."""
        cdef const uint8_t *packet = self.query + PREFIX
        if self.server != NULL:
            return answer_stream(
                self.server, packet, size,
                place.address, place.octets, place.port, self.answer + PREFIX,
            )
        client = Client(Transport.TCP, self._text(place), place.port)
        response = self.hotpath.answer(
            PyBytes_FromStringAndSize(<char *>packet, size), time(), client
        )
        if response is None:
            return 0
        if response == HAND_OVER:
            return -1
        memcpy(self.answer + PREFIX, PyBytes_AS_STRING(response), len(response))
        return len(response)

    cdef bint _part(self, int fd):
        """Close after the client has; False if it has not acknowledged its answer yet."""
        cdef int waiting = 0
        if self.places[fd].composed:
            ioctl(fd, TIOCOUTQ, &waiting)
            if waiting:
                return False
        self._forget(fd)
        dnsd_close_in_order(fd)
        return True

    cdef bint _reset(self, int fd):
        """Close at once; nothing of it stays in the kernel. Always True."""
        self._forget(fd)
        close(fd)
        return True

    # -- what is known of it ----------------------------------------------------------------

    cdef Place *_place(self, int fd) except NULL:
        cdef Place *places
        cdef int size = self.size
        if fd >= size:
            size = max(2 * size, fd + 64)
            places = <Place *>realloc(self.places, size * sizeof(Place))
            if places == NULL:
                raise MemoryError
            memset(places + self.size, 0, (size - self.size) * sizeof(Place))
            self.places, self.size = places, size
        return &self.places[fd]

    cdef _forget(self, int fd):
        cdef Place *place = &self.places[fd]
        if place.what == BRIEF:
            self.head[TCP_OPEN] -= 1
            self.table[place.source] -= 1
        place.what = NONE
        self.count -= 1
        self._unlink(place)
        self.received.pop(fd, None)
        self.unsent.pop(fd, None)

    cdef void _append(self, int fd) noexcept:
        cdef Place *place = &self.places[fd]
        place.before, place.behind = self.last, -1
        if self.last >= 0:
            self.places[self.last].behind = fd
        else:
            self.first = fd
        self.last = fd

    cdef void _unlink(self, Place *place) noexcept:
        if place.before >= 0:
            self.places[place.before].behind = place.behind
        else:
            self.first = place.behind
        if place.behind >= 0:
            self.places[place.behind].before = place.before
        else:
            self.last = place.before

    cdef str _text(self, Place *place):
        family = socket.AF_INET if place.octets == 4 else socket.AF_INET6
        return socket.inet_ntop(family, PyBytes_FromStringAndSize(<char *>place.address, place.octets))

    cdef bint _is_full(self):
        cdef int i
        cdef uint64_t found = 0
        for i in range(self.workers):
            found += self.all_heads[i][TCP_OPEN]
        return found >= <uint64_t>self.connections

    cdef bint _is_source_full(self, int source):
        cdef int i, found = 0
        for i in range(self.workers):
            found += self.all_tables[i][source]
        return found >= self.per_source

    cdef double _now(self):
        cdef timespec now
        if self.clock is not None:
            return self.clock()
        clock_gettime(CLOCK_BOOTTIME, &now)
        return now.tv_sec + now.tv_nsec / 1e9
