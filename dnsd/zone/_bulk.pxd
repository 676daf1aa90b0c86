from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef struct Node:
    uint64_t name             # where its octets are, in lower case
    uint64_t owner            # the same as spelled
    uint32_t first            # its first record; 0: it was moved out
    uint32_t wildcard         # compile: ref of the entry of *.name
    uint16_t length
    uint8_t occluded


cdef struct Record:
    uint64_t rdata
    uint32_t next             # the name's next record, 0 after the last
    uint32_t ttl
    uint32_t line
    uint16_t rtype
    uint16_t length
    uint16_t file


cdef struct Line:
    const uint8_t *origin
    int origin_length
    uint8_t owner[256]
    uint8_t lower[256]
    int owner_length
    uint8_t new_owner[512]
    uint8_t new_lower[512]
    int new_length
    bint has_owner
    int64_t ttl
    int rtype
    uint8_t rdata[256]
    int rdata_length


cdef class Bulk:
    cdef readonly bytes apex
    cdef public list files
    cdef readonly uint32_t longest_ttl
    cdef uint8_t *octets
    cdef uint64_t octets_used, octets_room
    cdef Node *nodes
    cdef uint64_t nodes_used, nodes_room
    cdef Record *records
    cdef uint64_t records_used, records_room
    cdef uint32_t *slots
    cdef uint32_t slot_mask
    cdef Py_ssize_t live

    cdef uint32_t find(self, const uint8_t *name, int length) noexcept
    cdef uint32_t _node(self, Line *now) except 0
    cdef bint _add(self, uint32_t node, Line *now, int64_t ttl, Py_ssize_t line, int file) except -1
    cdef void _set_owner(self, Line *now, const uint8_t *owner, int length)
    cdef void _accept_owner(self, Line *now)
    cdef bint _taken(self, Line *now, dict others)
    cdef bint _taken_current(self, Line *now, dict others)
    cdef Py_ssize_t _line(self, Line *now, const uint8_t *data, Py_ssize_t at, Py_ssize_t size)
    cdef Py_ssize_t _read_owner(self, Line *now, const uint8_t *data, Py_ssize_t at, Py_ssize_t size)
    cdef Py_ssize_t _read_rdata(self, Line *now, const uint8_t *data, Py_ssize_t at, Py_ssize_t size)
    cdef void *_room(self, void *array, uint64_t *room, uint64_t needed, size_t size) except NULL
    cdef uint64_t _store(self, const uint8_t *octets, int length) except 0
    cdef int _grow_slots(self) except -1
    cdef bint _is_below(self, bytes name, set stops)
    cdef bytes _above(self, uint32_t node)
    cdef bytes _name(self, uint32_t node)
    cdef bytes _owner(self, uint32_t node)
    cdef dict _types(self, uint32_t node)
