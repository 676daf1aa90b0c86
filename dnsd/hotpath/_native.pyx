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

cimport cython
from libc.errno cimport EACCES, EAGAIN, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, EPERM, errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset
from libc.time cimport time as c_time
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from dnsd.wire.siphash cimport siphash13, siphash13_of, siphash13_words, siphash24

from dnsd.hotpath._python import PythonHotPath
from dnsd.hotpath.api import HAND_OVER, Client, Transport
from dnsd.image import buckets, demand as demands, layout, tap as taps
from dnsd.metrics.counters import INDEX, KINDS, RCODES
from dnsd.wire import delivery

include "native/counts.pxi"
include "native/digest.pxi"

assert layout.MAX_PROBES == MAX_PROBES and layout.KEY_SIZE == 16

include "native/clock.pxi"
include "native/query.pxi"
include "native/image.pxi"
include "native/respond.pxi"
include "native/sockets.pxi"
include "native/linger.pxi"


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
        cdef Limit *limit = &self.server.limit
        cdef uint64_t[::1] words = limiter.memory.words
        cdef uint64_t[::1] rows = limiter.memory.rows
        cdef bytes key = limiter.memory.key, address, mask
        cdef int i
        if len(key) != 16:
            raise ValueError("the key of rate limits has 16 octets")
        self.limits = limiter.memory
        limit.exempt = <Exempt *>calloc(len(limiter.exempt) + 1, sizeof(Exempt))
        if limit.exempt == NULL:
            raise MemoryError
        for i, network in enumerate(limiter.exempt):
            address, mask = network.network_address.packed, network.netmask.packed
            limit.exempt[i].octets = len(address)
            memcpy(limit.exempt[i].address, PyBytes_AS_STRING(address), len(address))
            memcpy(limit.exempt[i].mask, PyBytes_AS_STRING(mask), len(mask))
        limit.n_exempt = len(limiter.exempt)
        memcpy(limit.key, PyBytes_AS_STRING(key), 16)
        limit.sets, limit.n_rows = limiter.sets, rows.shape[0] // ROW
        limit.interval, limit.depth = limiter.interval, limiter.depth
        law = limiter.law
        limit.slip = law.slip
        limit.ipv4_prefix, limit.ipv6_prefix = law.ipv4_prefix, law.ipv6_prefix
        limit.masks[0], limit.masks[1] = mask_of(law.ipv4_prefix), mask_of(law.ipv6_prefix)
        limit.words, limit.rows = &words[0], &rows[0]

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
                self._lend(&zone, image, views[1], views[2], views[3])
        self.python.put_zone(apex, image, cells)
        index = self.places.get(apex)
        if index is None:
            index = self._vacant_place()
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

    cdef _lend(self, Zone *zone, image, words, notes, counts):
        cdef const uint64_t[::1] its_words = words
        cdef uint32_t[::1] its_notes = notes
        cdef uint32_t[::1] its_counts = counts
        if min(its_words.shape[0], its_notes.shape[0], its_counts.shape[0]) < image.cells:
            raise ValueError("an image needs cells for all of its pools")
        zone.cells = image.cells
        if zone.cells:
            zone.words, zone.notes = &its_words[0], &its_notes[0]
            zone.counts = &its_counts[0]

    cdef _vacant_place(self):
        if self.vacant:
            return self.vacant.pop()
        cdef int count = self.server.n_zones
        cdef Zone *zones
        if count % 64 == 0:
            zones = <Zone *>realloc(self.server.zones, (count + 64) * sizeof(Zone))
            if zones == NULL:
                raise MemoryError
            self.server.zones = zones
        self.server.n_zones += 1
        return count

    cdef _index(self, int index):
        if 2 * len(self.places) > self.server.apex_mask + 1:
            self._reindex(4 * (self.server.apex_mask + 1))
        else:
            put_apex(&self.server, index)

    cdef _reindex(self, int size):
        cdef int *by_apex = <int *>calloc(size, sizeof(int))
        if by_apex == NULL:
            raise MemoryError
        free(self.server.by_apex)
        self.server.by_apex = by_apex
        self.server.apex_mask = size - 1
        for index in self.places.values():
            put_apex(&self.server, index)

    def answer(self, bytes packet not None, double now, client):
        """See :meth:`dnsd.hotpath.api.HotPath.answer`."""
        cdef Request request
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
        cdef bytes packed = _packed(address)
        request.address = <const uint8_t *>PyBytes_AS_STRING(packed)
        request.address_length = len(packed)
        length = respond(&self.server, &request, self.scratch, LARGEST)
        if length == DECLINED:
            return self.python.answer(packet, now, client)
        if length == 0:
            return None
        return PyBytes_FromStringAndSize(<char *>self.scratch, length)

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
        packed = PyBytes_FromStringAndSize(<char *>request.address, request.address_length)
        client = Client(Transport.UDP, socket.inet_ntop(family, packed), request.port)
        response = self.python.answer(packet, float(now), client)
        if response == HAND_OVER and response is not None:
            self._hand_over(i, packet)
        # what a TSIG refused makes longer than asked for still fits behind the room
        if response is None or len(response) > self.batch.stride:
            return 0
        memcpy(batch_out(self.batch, i), PyBytes_AS_STRING(response), len(response))
        return len(response)


include "native/lingering.pxi"


cdef bytes _packed(str address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address.partition("%")[0])
