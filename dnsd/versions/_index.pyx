# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Names of a version found by bisection, and those whose records lead to some names.

Made in one look at each record's lengths; where every STRIDE-th record begins is kept.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from dnsd.versions._stored cimport Stored, compare_names, is_inside, lowered, view
from dnsd.wire.siphash cimport siphash13

import os

cdef enum:
    STRIDE = 64
    NS = 2
    CNAME = 5
    MX = 15
    SRV = 33
    SVCB = 64
    HTTPS = 65
    EXACTLY = 1               # of any type
    BY_ALIAS = 2              # of CNAME records
    OR_BELOW = 4              # of any type, to it or below it

cdef struct Wanted:
    const uint8_t *name       # of a Python object that outlives the table
    int length
    int how                   # what counts as leading to it; 0: the place is free


cdef class Index:
    """An index of stored records, verified ones; ``types`` are all that they have."""

    cdef const uint8_t[::1] octets
    cdef uint64_t *starts
    cdef uint64_t used
    cdef readonly object types

    def __cinit__(self, const uint8_t[::1] octets not None):
        cdef uint8_t seen[65536]
        cdef uint64_t count = 0
        cdef Stored one
        cdef const uint8_t *at
        cdef const uint8_t *end
        self.octets = octets
        # the shortest record has 12 octets
        self.starts = <uint64_t *>malloc((octets.shape[0] // (12 * STRIDE) + 2) * sizeof(uint64_t))
        if self.starts == NULL:
            raise MemoryError
        for i in range(65536):
            seen[i] = 0
        if octets.shape[0]:
            at, end = &octets[0], &octets[0] + octets.shape[0]
            with nogil:
                while view(at, end, &one):
                    if count % STRIDE == 0:
                        self.starts[self.used] = at - &octets[0]
                        self.used += 1
                    seen[one.rtype] = 1
                    count += 1
                    at += one.size
        self.types = frozenset([i for i in range(65536) if seen[i]])

    def __dealloc__(self):
        free(self.starts)

    cdef uint64_t _first(self, const uint8_t *name, int length) noexcept:
        """Return where the first record begins whose owner is not before ``name``."""
        cdef uint64_t low = 0, high = self.used, middle, at, size = self.octets.shape[0]
        cdef const uint8_t *start
        cdef Stored one
        if size == 0:
            return 0
        start = &self.octets[0]
        while low < high:
            middle = (low + high) // 2
            at = self.starts[middle]
            if compare_names(start + at + 1, start[at], name, length) < 0:
                low = middle + 1
            else:
                high = middle
        at = self.starts[low - 1] if low else 0
        while at < size and view(start + at, start + size, &one) and (
            compare_names(one.at + 1, one.owner_length, name, length) < 0
        ):
            at += one.size
        return at

    cdef uint64_t _behind(self, uint64_t at, const uint8_t *name, int length) noexcept:
        """Return where the records of ``name`` end that begin at ``at``."""
        cdef uint64_t size = self.octets.shape[0]
        cdef Stored one
        while at < size and view(&self.octets[at], &self.octets[0] + size, &one) and (
            compare_names(one.at + 1, one.owner_length, name, length) == 0
        ):
            at += one.size
        return at

    def at(self, bytes name not None):
        """Return the records of ``name``, as they are stored."""
        cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(name)
        cdef int length = PyBytes_GET_SIZE(name)
        cdef uint64_t first = self._first(octets, length)
        cdef uint64_t end = self._behind(first, octets, length)
        if first == end:
            return b""
        return PyBytes_FromStringAndSize(<const char *>&self.octets[first], end - first)

    def has_below(self, bytes name not None):
        """Tell whether there are records of names below ``name``, which is in lower case."""
        cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(name)
        cdef int length = PyBytes_GET_SIZE(name)
        cdef uint64_t size = self.octets.shape[0]
        cdef uint64_t at = self._behind(self._first(octets, length), octets, length)
        cdef Stored one
        if at >= size or not view(&self.octets[at], &self.octets[0] + size, &one):
            return False
        return is_inside(one.at + 1, one.owner_length, octets, length)

    def leading_to(self, exactly, by_alias, or_below, uint64_t most):
        """Return the owners, in lower case, of records that lead to one of some names.

        They lead to one of ``exactly``, as CNAME records to one of ``by_alias``, or to one of
        ``or_below`` or a name below that; all of these are in lower case. None, if there are more
        than ``most`` such records.
        """
        cdef _WantedNames wanted = _WantedNames(exactly, by_alias, or_below)
        cdef uint64_t size = self.octets.shape[0], found_used = 0, at = 0
        cdef Stored one
        cdef int skipped
        found = set()
        while at < size and view(&self.octets[at], &self.octets[0] + size, &one):
            at += one.size
            if one.rtype in (NS, CNAME):
                skipped = 0
            elif one.rtype in (MX, SVCB, HTTPS):
                skipped = 2
            elif one.rtype == SRV:
                skipped = 6
            else:
                continue
            if wanted.has(
                one.rdata + skipped, one.length - skipped,
                EXACTLY | BY_ALIAS if one.rtype == CNAME else EXACTLY,
            ):
                found_used += 1
                if found_used > most:
                    return None
                found.add(_lower(one.at + 1, one.owner_length))
        return found


cdef class _WantedNames:
    """A table of names; each stands for itself, or for all below as well."""

    cdef Wanted *places
    cdef uint32_t mask
    cdef uint8_t key[16]
    cdef object held
    cdef bint any_below

    def __cinit__(self, exactly, by_alias, or_below):
        # their octets are pointed to
        self.held = {EXACTLY: [*exactly], BY_ALIAS: [*by_alias], OR_BELOW: [*or_below]}
        self.any_below = bool(or_below)
        self.mask = (1 << (4 * sum(map(len, self.held.values())) + 4).bit_length()) - 1
        memcpy(self.key, PyBytes_AS_STRING(os.urandom(16)), 16)
        self.places = <Wanted *>calloc(<uint64_t>self.mask + 1, sizeof(Wanted))
        if self.places == NULL:
            raise MemoryError
        for how, wanted in self.held.items():
            for name in wanted:
                self._add(name, how)

    def __dealloc__(self):
        free(self.places)

    cdef void _add(self, bytes name, int how):
        cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(name)
        cdef Wanted *place = self._place(octets, PyBytes_GET_SIZE(name))
        place.name, place.length = octets, PyBytes_GET_SIZE(name)
        place.how |= how

    cdef Wanted *_place(self, const uint8_t *name, int length) noexcept:
        cdef uint32_t at = <uint32_t>siphash13(self.key, name, length) & self.mask
        while self.places[at].how and not (
            self.places[at].length == length and memcmp(self.places[at].name, name, length) == 0
        ):
            at = (at + 1) & self.mask
        return &self.places[at]

    cdef bint has(self, const uint8_t *target, int room, int how) noexcept:
        """Whether the name at ``target``, within ``room`` octets, is wanted in one of the ways."""
        cdef uint8_t name[256]
        cdef int length = 0, at = 0, i
        while length < room and target[length]:
            length += 1 + target[length]
        length += 1
        if length > room or length > 255:
            return False
        for i in range(length):
            name[i] = lowered(target[i])
        if self._place(name, length).how & (how | OR_BELOW):
            return True
        while self.any_below and name[at]:
            at += 1 + name[at]
            if self._place(name + at, length - at).how & OR_BELOW:
                return True
        return False


cdef bytes _lower(const uint8_t *name, int length):
    cdef uint8_t lower[256]
    cdef int i
    for i in range(length):
        lower[i] = lowered(name[i])
    return PyBytes_FromStringAndSize(<const char *>lower, length)
