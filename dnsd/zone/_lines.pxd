from libc.stdint cimport int64_t, uint8_t, uint32_t

from dnsd.zone._table cimport Table
from dnsd.zone._tokens cimport Entry

cdef enum:
    ROOM = 65536 + 512


cdef struct Owner:
    uint8_t name[256]         # as spelled
    uint8_t lower[256]
    int length                # 0: there is none


cdef class Lines:
    cdef bytes apex
    cdef Py_ssize_t limit
    cdef Entry entry
    cdef Owner owner, found
    cdef bint is_new
    cdef uint32_t node        # of the owner, 0: not yet looked up
    cdef bytes name, key      # the owner as spelled and in lower case, for what is no table
    cdef object gatherer
    cdef Table table
    cdef int file
    cdef int64_t ttl
    cdef int rtype, length
    cdef uint8_t rdata[ROOM]

    cdef int begin(self, gatherer, bytes owner) except -1
    cdef bytes _spelled(self)
    cdef int _keep(self, uint32_t ttl, uint32_t line) except -1
    cdef int _hand_over(self, int64_t ttl, Py_ssize_t line) except -1
    cdef bint take(
        self, const uint8_t *data, Py_ssize_t at, Py_ssize_t size, const uint8_t *origin,
        int origin_length
    ) noexcept
    cdef bint _header(self, int *at) noexcept
    cdef bint _is_at_apex(self) noexcept
    cdef bint _is_inside(self, const Owner *owner) noexcept
