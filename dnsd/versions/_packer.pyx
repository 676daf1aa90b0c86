# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Stored records into messages, as many as fit.

Owners point to the owner before them, as far as they have labels in common, and to the query name;
names in data to the query name. Only what is spelled alike is pointed to, so who reads the
messages gets the octets that are stored.
"""

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from dnsd.versions._stored cimport FIXED, Stored, view

cdef enum:
    HEADER = 12               # octets before the question
    QUESTION_REST = 4         # octets of a question behind its name
    LARGEST = 65535
    FARTHEST = 0x3FFF         # that a pointer leads to
    NOWHERE = 0
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15


cdef class Packer:
    """Makes messages that begin with ``head``, a header and one question.

    None is larger than ``limit`` octets, but for the one record that alone is.
    """

    cdef bytes head
    cdef const uint8_t *qname
    cdef int qname_length, limit
    cdef uint8_t message[2 * LARGEST + 512]             # the record too much has room, too
    cdef int used, count
    cdef uint8_t last[256]                              # the owner before
    cdef int last_length
    cdef uint16_t places[256]  # where its last octets can be pointed to, by their number

    def __cinit__(self, bytes head not None, int limit):
        cdef int size = PyBytes_GET_SIZE(head)
        if not HEADER + 1 + QUESTION_REST <= size <= HEADER + 255 + QUESTION_REST:
            raise ValueError("a head is a header and one question")
        self.head, self.limit = head, min(limit, LARGEST)
        self.qname = <const uint8_t *>PyBytes_AS_STRING(head) + HEADER
        self.qname_length = size - HEADER - QUESTION_REST
        self._begin()

    cdef void _begin(self) noexcept:
        memcpy(self.message, PyBytes_AS_STRING(self.head), PyBytes_GET_SIZE(self.head))
        self.used = PyBytes_GET_SIZE(self.head)
        self.count = self.last_length = 0

    def add(self, const uint8_t[::1] octets, uint64_t at):
        """Add stored records from offset ``at`` on; return that of the first that has no room.

        ValueError when a record is too large for any message.
        """
        cdef uint64_t size = octets.shape[0]
        cdef const uint8_t *start = &octets[0] if size else NULL
        cdef Stored one
        while at < size:
            if not view(start + at, start + size, &one):
                raise ValueError(f"no record begins at octet {at}")
            if not self._put(&one):
                if self.count == 0:
                    raise ValueError(f"a record of {one.size} octets fits into no message")
                break
            at += one.size
        return at

    def take(self):
        """Return the message, and begin another one."""
        self.message[6], self.message[7] = self.count >> 8, self.count & 0xFF
        octets = PyBytes_FromStringAndSize(<char *>self.message, self.used)
        self._begin()
        return octets

    cdef bint _put(self, const Stored *one) noexcept:
        """Write a record behind the others; False, and nothing is written, when it has no room."""
        cdef int start = self.used, behind, length
        self._owner(one.at + 1, one.owner_length)
        memcpy(self.message + self.used, one.rdata - FIXED, FIXED)
        self.used += FIXED
        behind = self.used
        self._data(one)
        length = self.used - behind
        self.message[behind - 2], self.message[behind - 1] = length >> 8, length & 0xFF
        if self.used > (self.limit if self.count else LARGEST) or self.count == 0xFFFF:
            self.used, self.last_length = start, 0
            return False
        self.count += 1
        return True

    cdef void _owner(self, const uint8_t *owner, int length) noexcept:
        """Write an owner, and note where its labels are."""
        cdef int at = 0, place = NOWHERE, own = 0
        while owner[at]:
            if length - at == self.qname_length and (
                memcmp(owner + at, self.qname, self.qname_length) == 0
            ):
                place = HEADER
                memset(self.places, NOWHERE, (self.qname_length + 1) * sizeof(uint16_t))
                break
            if length - at <= self.last_length and self.places[length - at] != NOWHERE and (
                memcmp(self.last + self.last_length - (length - at), owner + at, length - at) == 0
            ):
                place = self.places[length - at]
                break
            at += 1 + owner[at]
        # what is behind ``at`` is where it was: the same octets from the end, and the same place
        memset(&self.places[length - at + 1], NOWHERE, at * sizeof(uint16_t))
        while own < at:
            if self.used + own <= FARTHEST:
                self.places[length - own] = self.used + own
            own += 1 + owner[own]
        self._copy(owner, at)
        if place != NOWHERE:
            self._point(place)
        else:
            self._copy(owner + at, 1)
        memcpy(self.last, owner, length)
        self.last_length = length

    cdef void _data(self, const Stored *one) noexcept:
        """Write data; of types whose names may be compressed, those that end in the query name."""
        cdef int at = 0, names = 1, begin = 0
        if one.rtype == MX:
            at = 2
        elif one.rtype == SOA:
            names = 2
        elif one.rtype not in (NS, CNAME, PTR):
            names = 0
        while names and at < one.length:
            if one.rdata[at] and self._is_qname(one, at):
                self._copy(one.rdata + begin, at - begin)
                self._point(HEADER)
                at += self.qname_length
                begin = at
                names -= 1
            elif one.rdata[at]:
                at += 1 + one.rdata[at]
            else:
                at += 1
                names -= 1
        self._copy(one.rdata + begin, one.length - begin)

    cdef bint _is_qname(self, const Stored *one, int at) noexcept:
        return one.length - at >= self.qname_length and (
            memcmp(one.rdata + at, self.qname, self.qname_length) == 0
        )

    cdef inline void _point(self, int place) noexcept:
        self.message[self.used], self.message[self.used + 1] = 0xC0 | place >> 8, place & 0xFF
        self.used += 2

    cdef inline void _copy(self, const uint8_t *octets, int length) noexcept:
        memcpy(self.message + self.used, octets, length)
        self.used += length
