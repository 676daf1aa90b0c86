# Integers in octets: of images (little-endian) and of messages (network order); what functions return
# in place of a length; and the longest message.

from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy

cdef enum:
    FAULT = -1                # an image that does not hold together: the caller declines the packet
    DECLINED = -2             # the Python twin answers this packet
    FULL = -3                 # there is no room for more

cdef enum:
    LARGEST = 65535           # octets of a message


cdef inline int u16(const uint8_t *at) noexcept nogil:
    return at[0] | at[1] << 8


cdef inline uint32_t u32(const uint8_t *at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline int n16(const uint8_t *at) noexcept nogil:
    return at[0] << 8 | at[1]


cdef inline void p16(uint8_t *at, int value) noexcept nogil:
    at[0] = value >> 8 & 0xFF
    at[1] = value & 0xFF


cdef inline void p32(uint8_t *at, uint32_t value) noexcept nogil:
    p16(at, value >> 16)
    p16(at + 2, value & 0xFFFF)


cdef inline uint64_t lower8(uint64_t octets) noexcept nogil:
    """Eight octets, ASCII letters in lower case."""
    cdef uint64_t ones = 0x0101010101010101ULL
    cdef uint64_t low = octets & 127 * ones
    cdef uint64_t letters = low + (128 - 65) * ones & ~(low + (128 - 91) * ones) & ~octets & 128 * ones
    return octets | letters >> 2
