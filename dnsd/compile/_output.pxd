from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef struct Block:
    uint32_t hash
    uint32_t ref              # 0: the place is free
    uint32_t length


cdef void *more_of(void *array, uint64_t *room, uint64_t needed, size_t size) except NULL


cdef class Output:
    cdef readonly object octets
    cdef uint8_t *at
    cdef uint64_t size, room
    cdef uint8_t key[16]      # no zone file can choose blocks that collide
    cdef Block *by_digest       # a hash table
    cdef uint32_t mask, blocks

    cdef uint64_t take(self, uint64_t length) except 0
    cdef uint32_t keep(self, uint64_t before, uint64_t at) except 0
    cdef int _grow_table(self) except -1
