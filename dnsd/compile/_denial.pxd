from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dnsd.zone._tree cimport Tree

cdef enum:
    MOST_PROOFS = 4


cdef struct Link:
    const uint8_t *key        # what the chain is sorted by
    uint32_t set
    uint32_t length


cdef class Chain:
    cdef readonly int kind, iterations
    cdef readonly bytes salt
    cdef Tree tree
    cdef bint is_unpaid       # one record stands for all
    cdef Link *links
    cdef uint32_t used
    cdef uint64_t room
    cdef uint8_t *octets      # of the keys
    cdef uint64_t octets_used, octets_room
    cdef uint32_t proofs[MOST_PROOFS]
    cdef int proofs_used

    cdef uint32_t match(self, uint32_t node) noexcept
    cdef uint32_t cover_wildcard(self, uint32_t encloser) noexcept
    cdef uint32_t cover(self, const uint8_t *name, int length) noexcept
    cdef void nodata(self, uint32_t node) noexcept
    cdef void nxdomain(self, const uint8_t *name, int length, uint32_t encloser) noexcept
    cdef void expanded(self, const uint8_t *name, int length, uint32_t encloser) noexcept
    cdef void expanded_nodata(
        self, const uint8_t *name, int length, uint32_t encloser, uint32_t wildcard
    ) noexcept
    cdef uint32_t _at(self, const uint8_t *key) noexcept
    cdef uint32_t _cover_next_closer(
        self, const uint8_t *name, int length, uint32_t encloser
    ) noexcept
    cdef uint32_t _provable(self, uint32_t node) noexcept
    cdef void _closest_encloser(self, const uint8_t *name, int length, uint32_t node) noexcept
    cdef void _prove(self, uint32_t rrset) noexcept
    cdef uint32_t _place(self, const uint8_t *key, uint32_t length) noexcept
    cdef uint32_t _before(self, const uint8_t *key, uint32_t length) noexcept
    cdef void _hash(self, const uint8_t *name, int length, uint8_t *digest) noexcept
    cdef int _follow_nsec(self) except -1
    cdef int _follow_nsec3(self, bytes parameters) except -1
    cdef int _add(self, uint32_t rrset, const uint8_t *key, int length) except -1
    cdef int _sort(self) except -1
