# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""The hash table over the names of an image."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.image.layout cimport ALIGN, ENTRY_SIZE, MAX_PROBES
from dnsd.wire.siphash cimport siphash13


cdef inline uint32_t _r32(const uint8_t *at) noexcept:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline void _w32(uint8_t *at, uint32_t value) noexcept:
    memcpy(at, &value, 4)


def fill(octets, uint64_t start, uint32_t mask, refs, bytes key not None):
    """Fill the hash table at ``start`` with the entries at ``refs``.

    Returns False, and stops, when an entry would be further from its place than MAX_PROBES.
    """
    cdef const uint32_t[::1] entries = refs
    cdef uint8_t *image = <uint8_t *>PyByteArray_AS_STRING(octets)
    cdef const uint8_t *secret = <const uint8_t *>PyBytes_AS_STRING(key)
    cdef uint8_t *table = image + start
    cdef const uint8_t *entry
    cdef uint32_t digest, place
    cdef int64_t i
    cdef int types, probes
    if PyBytes_GET_SIZE(key) != 16 or start + 8 * (<uint64_t>mask + 1) > <uint64_t>len(octets):
        raise ValueError
    memset(table, 0, 8 * (<uint64_t>mask + 1))
    for i in range(entries.shape[0]):
        entry = image + ALIGN * <uint64_t>entries[i]
        types = entry[2] | entry[3] << 8
        digest = <uint32_t>siphash13(
            secret, entry + ENTRY_SIZE + 8 * types + 2 * (types + (types & 1)), entry[0]
        )
        place = digest & mask
        probes = 1
        while _r32(table + 8 * <uint64_t>place + 4):
            if probes == MAX_PROBES:
                return False
            probes += 1
            place = (place + 1) & mask
        _w32(table + 8 * <uint64_t>place, digest)
        _w32(table + 8 * <uint64_t>place + 4, entries[i])
    return True
