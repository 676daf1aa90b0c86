# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The octets of an image in the making."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING

from dnsd.image.layout cimport ALIGN
from dnsd.wire.siphash cimport siphash13

import os


cdef void *more_of(void *array, uint64_t *room, uint64_t needed, size_t size) except NULL:
    """Return ``array`` with room for ``needed`` items of ``size`` octets, moved if need be; ``needed`` > 0."""
    cdef void *grown
    if needed <= room[0]:
        return array
    needed += needed >> 1
    needed = 64 if needed < 64 else needed
    grown = realloc(array, needed * size)
    if grown == NULL:
        raise MemoryError
    room[0] = needed
    return grown


cdef class Output:
    """A bytearray that grows in large steps; ``size`` is how much of it is used.

    Blocks that are the same are kept once.
    """

    def __cinit__(self, octets):
        memcpy(self.key, PyBytes_AS_STRING(os.urandom(16)), 16)
        self.mask = 1023
        self.by_digest = <Block *>calloc(self.mask + 1, sizeof(Block))
        if self.by_digest == NULL:
            raise MemoryError
        self.octets = octets
        self.size = self.room = PyByteArray_GET_SIZE(octets)
        self.at = <uint8_t *>PyByteArray_AS_STRING(octets)

    def __dealloc__(self):
        free(self.by_digest)

    cdef uint64_t take(self, uint64_t length) except 0:
        """Return the offset of ``length`` new octets at an aligned place."""
        cdef uint64_t start = (self.size + ALIGN - 1) // ALIGN * ALIGN
        if start >= <uint64_t>ALIGN << 32:
            raise OverflowError
        if start + length > self.room:
            self.room = start + length + (self.room >> 2) + 4096
            PyByteArray_Resize(self.octets, self.room)
            self.at = <uint8_t *>PyByteArray_AS_STRING(self.octets)
        memset(self.at + self.size, 0, start - self.size)
        self.size = start + length
        return start

    def add(self, const uint8_t[::1] octets):
        """Append ``octets`` at the next aligned place and return their ref."""
        cdef uint64_t start = self.take(octets.shape[0])
        if octets.shape[0]:
            memcpy(self.at + start, &octets[0], octets.shape[0])
        return start // ALIGN

    def finish(self):
        """Give back what is not used."""
        PyByteArray_Resize(self.octets, self.size)
        self.room = self.size

    # -- blocks -------------------------------------------------------------------------------

    cdef uint32_t keep(self, uint64_t before, uint64_t at) except 0:
        """Return the ref of the block from ``at`` to the end, or of the same one if there is one.

        Then the new one is taken back: ``before`` is where the image ended.
        """
        cdef uint64_t length = self.size - at
        cdef uint32_t hash = <uint32_t>siphash13(self.key, self.at + at, <int>length)
        cdef uint32_t place = hash & self.mask
        cdef Block *block = &self.by_digest[place]
        while block.ref:
            if block.hash == hash and block.length == length and memcmp(
                self.at + ALIGN * <uint64_t>block.ref, self.at + at, length
            ) == 0:
                self.size = before
                return block.ref
            place = (place + 1) & self.mask
            block = &self.by_digest[place]
        block.ref, block.length, block.hash = <uint32_t>(at // ALIGN), <uint32_t>length, hash
        self.blocks += 1
        if 2 * self.blocks > self.mask:
            self._grow_table()
        return <uint32_t>(at // ALIGN)

    cdef int _grow_table(self) except -1:
        cdef Block *old = self.by_digest
        cdef uint32_t size = self.mask + 1, i, place
        cdef Block *grown = <Block *>calloc(2 * <uint64_t>size, sizeof(Block))
        if grown == NULL:
            raise MemoryError
        self.by_digest, self.mask = grown, 2 * size - 1
        for i in range(size):
            if old[i].ref == 0:
                continue
            place = old[i].hash & self.mask
            while grown[place].ref:
                place = (place + 1) & self.mask
            grown[place] = old[i]
        free(old)
        return 0
