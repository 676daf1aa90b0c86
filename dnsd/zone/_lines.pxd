from libc.stdint cimport int64_t, uint8_t

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
    cdef int64_t ttl
    cdef int rtype, length
    cdef uint8_t rdata[ROOM]

    cdef bint take(
        self, const uint8_t *data, Py_ssize_t at, Py_ssize_t size, const uint8_t *origin,
        int origin_length
    ) noexcept
    cdef bint _header(self, int *at) noexcept
    cdef bint _is_at_apex(self) noexcept
    cdef bint _is_inside(self, const Owner *owner) noexcept
