# What a writer of names asks of their octets.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy


cdef inline uint8_t folded(uint8_t c) noexcept nogil:
    """Return an octet in lower case."""
    return c + (<uint8_t>(c - 65) < 26) * 32


cdef inline bint stands_in(const uint8_t *name) noexcept nogil:
    """Whether a query name is written for others, of which each has its own first labels."""
    return name[0] == 1 and name[1] == 42


cdef inline int name_length(const uint8_t *name) noexcept nogil:
    """Return how many octets a name in wire form has."""
    cdef int at = 0
    while name[at]:
        at += 1 + name[at]
    return at + 1


cdef inline uint64_t hashed(uint64_t value, const uint8_t *octets, int length) noexcept nogil:
    """Go on with ``value`` over ``octets``, behind which eight more can be read."""
    cdef uint64_t word
    while length > 0:
        memcpy(&word, octets, 8)
        if length < 8:
            word &= ((<uint64_t>1 << 8 * length) - 1)
        value = (value ^ word) * <uint64_t>0x9E3779B97F4A7C15ULL
        value ^= value >> 29
        octets += 8
        length -= 8
    return value
