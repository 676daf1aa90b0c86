from libc.stdint cimport uint8_t, uint16_t, uint32_t

from dnsd.compile._parts cimport Parts

cdef enum:
    MOST_TYPES = 1 << 17      # a name has of its own, and at the end of its chain
    MOST_SEEN = 20


cdef enum Kind:
    OUTSIDE, EXACT, WILDCARD, AT_CUT_KIND, BELOW_DNAME, NXNAME


cdef struct Place:
    Kind kind
    uint32_t source           # the node with the data
    uint32_t encloser


cdef struct Name:
    const uint8_t *at         # as spelled
    uint8_t lower[256]
    int length


cdef class Answers(Parts):
    cdef Name names[MOST_SEEN]
    cdef uint8_t made[MOST_SEEN][256]
    cdef uint32_t nodata_ref

    cdef int types(self, uint32_t node, uint16_t *found) except -1
    cdef uint32_t answer(self, uint32_t node, int rtype) except 0
    cdef uint32_t default(self, uint32_t node) except? 0
    cdef uint32_t nodata(self) except 0
    cdef uint32_t nxdomain(self) except 0
    cdef uint32_t _block(self, uint32_t node) except 0
    cdef bint _proves_nodata(self, uint32_t node) noexcept
    cdef uint32_t _unproved_nodata(self, uint32_t node) except 0
    cdef Place _find(self, const uint8_t *name, int length) noexcept
    cdef Place _follow(self, uint32_t node, int rtype) except *
    cdef bint _is_link(self, Place place, int rtype) noexcept
    cdef int _add_link(self, Place place, int at) except -1
    cdef int _add_dname(self, Place place, int at) except -1
    cdef int _end(self, Place place, int at, int rtype) except -1
