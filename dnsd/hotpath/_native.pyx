# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, embedsignature=True
"""The native twin of the hot path: the same answers, octet for octet, without Python objects.

``drain`` empties a UDP socket: recvmmsg, answer from the images, sendmmsg. What is rare and
short is declined to the readable twin: class CH and transfers, which are refused. Images are
bounds-checked at every step; one that doesn't hold together is declined too, and the readable twin
says SERVFAIL.
"""

import os
import socket
from zlib import crc32

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from libc.time cimport time as c_time

from dnsd.hotpath.native.address cimport packed
from dnsd.hotpath.native.batch cimport (
    Batch, batch_free, batch_left, batch_new, batch_out, batch_receive, batch_reply,
    batch_request, batch_send, dnsd_reply_from, FEW, LOOK, MSG_DONTWAIT, MSG_WAITFORONE, msghdr,
)
from dnsd.hotpath.native.clock cimport monotonic, nanoseconds, since_boot, whole_second
from dnsd.hotpath.native.image cimport Zone
from dnsd.hotpath.native.limit cimport limit_as
from dnsd.hotpath.native.octets cimport DECLINED, LARGEST
from dnsd.hotpath.native.pace cimport Pace, pace_may_wait, pace_note, pollfd, POLLIN
from dnsd.hotpath.native.query cimport Request
from dnsd.hotpath.native.records cimport Composed
from dnsd.hotpath.native.respond cimport respond
from dnsd.hotpath.native.server cimport MAX_SECRETS, Server, SMALLEST_ROOM
from dnsd.hotpath.native.sketch cimport Sketch, sketch_begin
from dnsd.hotpath.native.tap cimport tap_attach, tap_begin
from dnsd.hotpath.native.zones cimport index_with, lend, new_place, put_apex
from dnsd.image.buckets cimport ROW
from dnsd.image.demand cimport COLD, PAIRS
from dnsd.image.layout cimport VERSION
from dnsd.metrics.counters cimport COUNTERS_DIGEST

from dnsd.hotpath._python import PythonHotPath
from dnsd.hotpath.api import HAND_OVER, Client, Transport
from dnsd.image import layout
from dnsd.metrics.counters import INDEX, NAMES
from dnsd.wire import delivery

if layout.VERSION != VERSION or crc32(" ".join(NAMES).encode()) & 0x7FFFFFFF != COUNTERS_DIGEST:
    raise ImportError("it was built from another version: make setup builds it again")


# Nothing in it refers back to it; and the collector would clear the memoryview of the counters
# before the buffer taken from it is released.
@cython.no_gc
cdef class NativeHotPath:
    """See :class:`dnsd.hotpath.api.HotPath`."""

    cdef Server server
    cdef object counters
    cdef object python
    cdef dict places        # apex -> index into server.zones
    cdef dict images        # apex -> (image, memoryviews that keep it and its cells mapped)
    cdef list vacant
    cdef Batch *batch
    cdef uint8_t *scratch
    cdef Py_buffer _counter_buffer
    cdef readonly object limiter
    cdef object limits      # memoryviews that keep the limiter's memory
    cdef object sketched    # and that of the sketch
    cdef object tapped      # and that of the tap
    cdef object take        # what is for the transfer process

    def __cinit__(self, settings, counters, memory=None, seed=None, sketched=None, tapped=None):
        memset(&self.server, 0, sizeof(Server))
        PyObject_GetBuffer(counters, &self._counter_buffer, PyBUF_WRITABLE)
        if self._counter_buffer.len < <Py_ssize_t>(len(INDEX) * sizeof(uint64_t)):
            raise ValueError("there are more counters than cells")
        self.server.count = <uint64_t *>self._counter_buffer.buf
        self.counters = counters
        self.python = PythonHotPath(settings, counters, memory, seed, sketched, tapped)
        self.server.draws = int.from_bytes(os.urandom(8)) if seed is None else seed
        self.limiter = self.python.limiter
        self.places, self.images, self.vacant = {}, {}, []
        self.server.by_apex = <int *>calloc(2, sizeof(int))
        self.server.apex_mask = 1
        memcpy(self.server.key, PyBytes_AS_STRING(os.urandom(16)), 16)
        self.scratch = <uint8_t *>malloc(LARGEST)
        self._configure(settings)
        if self.limiter is not None:
            self._limit(self.limiter)
        if sketched is not None:
            self._sketch(sketched)
        if tapped is not None:
            self.tapped = tapped
            tap_attach(&self.server.tap, tapped)
        self.batch = batch_new(max(SMALLEST_ROOM, settings.udp_payload))
        self.server.composed = <Composed *>calloc(1, sizeof(Composed))
        if not (self.server.by_apex and self.scratch and self.batch and self.server.composed):
            raise MemoryError
        memcpy(self.server.composed.key, self.server.key, 16)
        self.batch.sent_within = nanoseconds(delivery.SENT_WITHIN_S)

    cdef _configure(self, settings):
        cdef bytes nsid = settings.nsid if settings.nsid is not None else b""
        cdef int i
        self.server.udp_payload = settings.udp_payload
        self.server.nsid_length = -1 if settings.nsid is None else min(len(nsid), 255)
        memcpy(self.server.nsid, PyBytes_AS_STRING(nsid), min(len(nsid), 255))
        self.server.hands_over = settings.hands_over
        self.server.keepalive = min(int(settings.tcp_idle * 10), 0xFFFF)
        self._keep_secrets(settings.cookie_secrets)

    cdef _keep_secrets(self, secrets):
        cdef int i
        self.server.n_secrets = min(len(secrets), MAX_SECRETS)
        for i in range(self.server.n_secrets):
            secret = <bytes?>secrets[i]
            if len(secret) != 16:
                raise ValueError("a cookie secret has 16 octets")
            memcpy(self.server.secrets[i], PyBytes_AS_STRING(secret), 16)

    cdef _limit(self, limiter):
        cdef uint64_t[::1] words = limiter.memory.words
        cdef uint64_t[::1] rows = limiter.memory.rows
        self.limits = limiter.memory
        limit_as(&self.server.limit, limiter, &words[0], &rows[0], rows.shape[0] // ROW)

    cdef _sketch(self, cells):
        cdef Sketch *sketch = &self.server.sketch
        cdef const uint64_t[::1] control = cells.control
        cdef uint64_t[::1] head = cells.head
        cdef uint64_t[::1] keys = cells.keys
        cdef uint64_t[::1] limits = cells.limits
        cdef uint32_t[::1] hot = cells.hot
        cdef uint8_t[::1] cold = cells.cold
        if cold.shape[0] != 2 * PAIRS * COLD:
            raise ValueError("a sketch has cells for two windows")
        self.sketched = cells
        sketch.control = &control[0]
        sketch.all_heads, sketch.all_keys, sketch.all_limits = &head[0], &keys[0], &limits[0]
        sketch.all_hot, sketch.all_cold = &hot[0], &cold[0]

    def __dealloc__(self):
        PyBuffer_Release(&self._counter_buffer)
        free(self.server.limit.exempt)
        free(self.server.by_apex)
        free(self.server.zones)
        free(self.scratch)
        free(self.server.composed)
        batch_free(self.batch)

    def put_zone(self, bytes apex not None, image, cells=None):
        """See :meth:`dnsd.hotpath.api.HotPath.put_zone`."""
        cdef Zone zone
        cdef bytes salt
        if not 0 < len(apex) <= 255:
            raise ValueError("the apex is no name")
        memset(&zone, 0, sizeof(Zone))
        zone.apex_length = len(apex)
        memcpy(zone.apex, PyBytes_AS_STRING(apex), zone.apex_length)
        if self.limiter is not None:
            zone.number = self.limiter.zone(apex)
        views = ()
        if image is not None:
            views = (memoryview(image.buffer), *(memoryview(each) for each in cells or ()))
            self._describe(&zone, image, views[0])
            if cells is not None:
                lend(&zone, image.cells, views[1], views[2], views[3])
        self.python.put_zone(apex, image, cells)
        index = self.places.get(apex)
        if index is None:
            index = self.vacant.pop() if self.vacant else new_place(&self.server)
            self.places[apex] = index
            self.server.lengths[zone.apex_length] += 1
            self.server.zones[<int>index] = zone
            self._index(index)
        else:
            self.server.zones[<int>index] = zone
        self._release(apex)
        self.images[apex] = (image, views)

    def expire_zone(self, bytes apex not None):
        """See :meth:`dnsd.hotpath.api.HotPath.expire_zone`."""
        self.put_zone(apex, None)
        self.python.expire_zone(apex)
        self.server.zones[<int>self.places[apex]].is_expired = True

    def drop_zone(self, bytes apex not None):
        """See :meth:`dnsd.hotpath.api.HotPath.drop_zone`."""
        self.python.drop_zone(apex)
        index = self.places.pop(apex, None)
        if index is None:
            return
        self.vacant.append(index)
        self.server.lengths[len(apex)] -= 1
        self._reindex(self.server.apex_mask + 1)
        self._release(apex)

    def use_secrets(self, secrets):
        """See :meth:`dnsd.hotpath.api.HotPath.use_secrets`."""
        self.python.use_secrets(secrets)
        self._keep_secrets(secrets)

    cdef _release(self, apex):
        _, views = self.images.pop(apex, (None, ()))
        for view in views:
            view.release()

    cdef _describe(self, Zone *zone, image, view):
        cdef const uint8_t[::1] octets = view
        cdef bytes salt = image.salt
        zone.image = &octets[0]
        zone.size = octets.shape[0]
        zone.apex_labels = image.apex_labels
        zone.depth = image.depth
        zone.denial = image.denial
        zone.table = image.table
        zone.mask = image.mask
        memcpy(zone.key, PyBytes_AS_STRING(<bytes?>image.key), 16)
        zone.apex_entry = image.apex_entry
        zone.nodata[0], zone.nodata[1] = image.nodata
        zone.nxdomain[0], zone.nxdomain[1] = image.nxdomain
        zone.denial_index = image.denial_index
        zone.denial_count = image.denial_count
        zone.iterations = image.iterations
        zone.salt_length = len(salt)
        memcpy(zone.salt, PyBytes_AS_STRING(salt), zone.salt_length)

    cdef _index(self, int index):
        if 2 * len(self.places) > self.server.apex_mask + 1:
            self._reindex(4 * (self.server.apex_mask + 1))
        else:
            put_apex(&self.server, index)

    cdef _reindex(self, int size):
        index_with(&self.server, size, self.places.values())

    def answer(self, bytes packet not None, double now, client):
        """See :meth:`dnsd.hotpath.api.HotPath.answer`."""
        cdef Request request
        cdef uint8_t octets[16]
        cdef int length
        transport, address = client[0], client[1]
        request.packet = <const uint8_t *>PyBytes_AS_STRING(packet)
        request.size = PyBytes_GET_SIZE(packet)
        request.transport = transport
        request.now = <uint32_t><int64_t>now
        self.server.second = whole_second(monotonic())
        if self.limiter is not None:
            self.server.limit.now = self.limiter.now()
        sketch_begin(&self.server.sketch)
        tap_begin(&self.server.tap)
        request.port = client[2]
        request.address = octets
        request.address_length = packed(address, octets)
        length = respond(&self.server, &request, self.scratch, LARGEST)
        if length == DECLINED:
            return self.python.answer(packet, now, client)
        if length == 0:
            return None
        return PyBytes_FromStringAndSize(<char *>self.scratch, length)

    @property
    def streams(self):
        """What native servers of streams answer from: see dnsd/hotpath/native/stream.pxd."""
        return PyCapsule_New(&self.server, NULL, NULL)

    def drain(self, int fd, double turn):
        """See :meth:`dnsd.hotpath.api.Draining.drain`."""
        cdef int64_t until = monotonic() + nanoseconds(turn)
        cdef bint many
        while True:
            many = batch_left(self.batch) > 0  # its own datagrams are still to come
            many |= self._exchange(fd, MSG_DONTWAIT, until) > FEW
            if not many or monotonic() >= until:
                return many

    def lingering(self, int fd, others, double turn):
        """See :meth:`dnsd.hotpath.api.Draining.lingering`."""
        return _Lingering(self, fd, others, turn)

    @property
    def owes(self):
        """See :meth:`dnsd.hotpath.api.Draining.owes`."""
        return batch_left(self.batch) > 0

    cdef int _exchange(self, int fd, int flags, int64_t until) except -1:
        """Receive a batch and send its answers; return how many datagrams there were.

        But first comes what an earlier turn has left of its batch, whichever socket it is from.
        At ``until`` the rest of the batch is left to the next turn.
        """
        cdef Batch *batch = self.batch
        cdef int received = batch_left(batch) or batch_receive(batch, fd, flags), length, i
        cdef bint look
        cdef uint32_t now = <uint32_t>c_time(NULL) if received else 0
        cdef int64_t clock = monotonic() if received else 0
        self.server.second = whole_second(clock)
        self.server.limit.now = clock // 1000
        sketch_begin(&self.server.sketch)
        tap_begin(&self.server.tap)
        batch.n_replies = 0
        batch.composed = since_boot() if received else 0
        while batch.next < batch.n_used:
            i = batch.next
            batch.next += 1
            look = batch.next % LOOK == 0
            length = respond(
                &self.server, batch_request(batch, i, now), batch_out(batch, i), batch.room
            )
            if length == DECLINED:
                length = self._declined(i, now)
                look = True
            batch_reply(batch, i, length)
            if look and monotonic() >= until:
                break
        batch_send(batch, self.server.count)
        return received

    def hand_over_to(self, take):
        """See :meth:`dnsd.hotpath.api.Draining.hand_over_to`."""
        self.take = take

    cdef _hand_over(self, int i, packet):
        cdef msghdr *head = &self.batch.messages[i].msg_hdr
        if self.take is None:
            return
        if head.msg_controllen:
            dnsd_reply_from(head)
        self.take(
            self.batch.fd,
            packet,
            PyBytes_FromStringAndSize(<char *>head.msg_name, head.msg_namelen),
            PyBytes_FromStringAndSize(<char *>head.msg_control, head.msg_controllen),
        )

    cdef int _declined(self, int i, uint32_t now) except -1:
        cdef Request *request = &self.batch.requests[i]
        packet = PyBytes_FromStringAndSize(<char *>request.packet, request.size)
        family = socket.AF_INET if request.address_length == 4 else socket.AF_INET6
        octets = PyBytes_FromStringAndSize(<char *>request.address, request.address_length)
        client = Client(Transport.UDP, socket.inet_ntop(family, octets), request.port)
        response = self.python.answer(packet, float(now), client)
        if response == HAND_OVER and response is not None:
            self._hand_over(i, packet)
        # what a TSIG refused makes longer than asked for still fits behind the room
        if response is None or len(response) > self.batch.stride:
            return 0
        memcpy(batch_out(self.batch, i), PyBytes_AS_STRING(response), len(response))
        return len(response)


cdef class _Lingering:
    """One socket's turns; see :meth:`dnsd.hotpath.api.Draining.lingering`."""

    cdef NativeHotPath hotpath
    cdef int fd
    cdef int64_t turn
    cdef Pace pace

    def __cinit__(self, NativeHotPath hotpath not None, int fd, others, double turn):
        cdef int other, i
        self.turn = nanoseconds(turn)
        memset(&self.pace, 0, sizeof(Pace))
        self.hotpath = hotpath
        self.fd = fd
        self.pace.others = <pollfd *>calloc(len(others) + 1, sizeof(pollfd))
        if self.pace.others == NULL:
            raise MemoryError
        for i, other in enumerate(others):
            self.pace.others[i].fd = other
            self.pace.others[i].events = POLLIN
            self.pace.n_others = i + 1

    def __dealloc__(self):
        free(self.pace.others)

    def __call__(self):
        cdef int64_t now = monotonic(), until = now + self.turn
        cdef int flags = MSG_DONTWAIT, received
        while True:
            received = self.hotpath._exchange(self.fd, flags, until)
            now = pace_note(&self.pace, received, flags != MSG_DONTWAIT)
            if received == 0 or now >= until:
                break
            if pace_may_wait(&self.pace, now):
                flags = MSG_WAITFORONE
            elif received <= FEW:
                break
            else:
                flags = MSG_DONTWAIT
        return received > FEW or self.hotpath.owes
