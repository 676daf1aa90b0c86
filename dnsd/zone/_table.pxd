from libc.stdint cimport uint8_t, uint32_t

from dnsd.zone._tree cimport Set, Tree

cdef enum:
    ADDED = 0                 # what became of a record
    DUPLICATE = 1
    SECOND = 2                # of a type of which there may be one
    OVERFULL = 3


cdef class Table(Tree):
    cdef readonly bytes apex
    cdef readonly list files
    cdef public list mixed    # (set, file, line) of records with another TTL than those before
    cdef readonly uint32_t most_together
    cdef uint32_t found       # the set of the record that was added, or of what is in its way
    cdef dict crowd           # sets of names with many, and records of sets with many

    cdef int add_record(
        self, uint32_t node, const uint8_t *owner, int rtype, uint32_t ttl, const uint8_t *rdata,
        uint32_t length, uint32_t line, int file
    ) except -1
    cdef uint32_t _set_of(self, uint32_t node, int rtype, int covers) except? 0
    cdef uint32_t _create(
        self, uint32_t node, const uint8_t *owner, int rtype, int covers, uint32_t ttl
    ) except 0
    cdef const uint8_t *_spelled(self, uint32_t node, const uint8_t *owner) except NULL
    cdef bint _is_known(self, Set *rrset, const uint8_t *rdata, uint32_t length) except -1
    cdef int _append(self, uint32_t index, const uint8_t *rdata, uint32_t length) except -1
    cdef object rrset(self, uint32_t index)
    cdef uint32_t end(self) noexcept
    cdef uint32_t node_named(self, bytes name)
    cdef bytes name_of(self, uint32_t node)
    cdef dict types_of(self, uint32_t node)
