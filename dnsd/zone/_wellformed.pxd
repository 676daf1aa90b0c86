from libc.stdint cimport uint8_t

cdef bint is_right(int rtype, const uint8_t *rdata, int length) noexcept nogil
