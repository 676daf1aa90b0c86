# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The records that some names have in a version: one pass over it, without an index."""

from libc.stdint cimport uint8_t, uint64_t

from dnsd.versions._stored cimport Output, Stored, compare_names, view


def select(const uint8_t[::1] octets, const uint8_t[::1] wanted):
    """Return the stored records of ``octets`` whose owner is that of a record in ``wanted``.

    Both are in canonical order of owners; ValueError when one of them is no run of records.
    """
    cdef Output found = Output()
    cdef const uint8_t *at = NULL
    cdef const uint8_t *end = NULL
    cdef const uint8_t *next_wanted = NULL
    cdef const uint8_t *wanted_end = NULL
    cdef Stored one, name
    cdef int order
    cdef bint whole = True
    if octets.shape[0] == 0 or wanted.shape[0] == 0:
        return b""
    at, end = &octets[0], &octets[0] + octets.shape[0]
    next_wanted, wanted_end = &wanted[0], &wanted[0] + wanted.shape[0]
    with nogil:
        while whole and at < end and next_wanted < wanted_end:
            whole = view(at, end, &one) and view(next_wanted, wanted_end, &name)
            if not whole:
                break
            order = compare_names(one.at + 1, one.owner_length, name.at + 1, name.owner_length)
            if order == 0:
                found.put(one.at, one.size)
            if order <= 0:
                at += one.size
            else:
                next_wanted += name.size
    if not whole:
        raise ValueError("these are no stored records")
    return found.taken()
