from libc.stdint cimport uint8_t, uint32_t

from dnsd.zone._table cimport Table


cdef class Finder:
    cdef Table table
    cdef const uint8_t *apex
    cdef int apex_length
    cdef bint is_reverse

    cdef bint is_repeated(self, const uint8_t *name, int length) noexcept
    cdef bint is_odd(self, uint32_t node, bint has_repeated) noexcept
    cdef bint _is_odd_target(self, uint32_t node, int rtype, const uint8_t *name, int length) noexcept
    cdef bint _is_mistyped(self, int rtype, const uint8_t *name, int length, bint has_repeated) noexcept
    cdef bint _has_address(self, uint32_t node) noexcept
    cdef bint _ends_oddly(self, const uint8_t *name, int length) noexcept
    cdef bint _knows(self, const uint8_t *name, int length, uint32_t *found) noexcept
    cdef uint32_t _closest(self, const uint8_t *name, int length) noexcept
    cdef bint _is_cut_off(self, const uint8_t *name, int length) noexcept
    cdef bint _is_below_dname(self, uint32_t node) noexcept
    cdef bint _is_inside(self, const uint8_t *name, int length) noexcept


cdef int name_length(const uint8_t *name) noexcept
cdef int target_at(int rtype) noexcept
cdef bint is_host(const uint8_t *name) noexcept
cdef bint may_have_address(const uint8_t *name) noexcept
