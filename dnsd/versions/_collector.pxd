from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dnsd.versions._stored cimport Output


cdef struct Place:
    uint64_t high, low        # the first octets of the owner, from the apex down
    const uint8_t *at


cdef class Collector:
    cdef readonly bytes apex
    cdef int apex_length
    cdef Output collected, soa
    cdef uint64_t count

    cdef int put(
        self, const uint8_t *owner, int owner_length, int rtype, uint32_t ttl,
        const uint8_t *rdata, int length
    ) except -1
    cdef void _place(self, Place *places) noexcept nogil
    cdef bint _is_sorted(self, const Place *places) noexcept nogil
