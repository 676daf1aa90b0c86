from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dnsd.compile._output cimport Output
from dnsd.zone._tree cimport Tree

cdef enum:
    ANSWER, AUTHORITY, GLUE, OPTIONAL
    PARTS = 4
    MOST_PIECES = 128


cdef struct Item:
    const uint8_t *owner      # uncompressed; NULL: the query name
    uint32_t set
    uint32_t ttl
    uint32_t signatures       # 0: none


cdef struct Pooled:
    uint32_t ref
    uint32_t longest
    int rtype
    bint leads_on             # its records are CNAMEs, behind which the chain may go on


cdef class Sections:
    cdef Item *items[PARTS]
    cdef uint32_t used[PARTS]
    cdef uint32_t room[PARTS]
    cdef uint32_t pieces[MOST_PIECES]
    cdef int pieces_used, rcode, flags, proof, proof_expanded
    cdef uint32_t pool        # 1 + its number
    cdef const uint8_t *pool_owner

    cdef void clear(self) noexcept
    cdef int add(self, int part, Item item) except -1
    cdef int add_piece(self, uint32_t ref) except -1


cdef struct Place:
    uint32_t name             # where it is in the names
    uint32_t hash
    uint32_t next
    uint16_t length
    uint16_t at               # in the message


cdef class Writer:
    cdef Tree tree
    cdef Output out
    cdef Pooled *pools
    cdef int longest_proof
    # the block in the making
    cdef uint8_t *octets
    cdef uint64_t used, room
    cdef uint16_t *pointers
    cdef uint64_t pointers_used, pointers_room
    cdef uint8_t *names
    cdef uint64_t names_used, names_room
    cdef Place *places
    cdef uint64_t places_used, places_room
    cdef uint32_t heads[1024]
    cdef int start, limit
    # the name that pointers are computed for; nothing is remembered of it before another name comes
    cdef const uint8_t *base
    cdef int base_length
    cdef bint base_is_known

    cdef uint32_t block(
        self, const uint8_t *base, int base_length, Sections sections, int room
    ) except 0
    cdef void _begin(self, const uint8_t *base, int base_length, int limit) noexcept
    cdef int _know_base(self) except -1
    cdef int _add_all(self, Sections sections, int part) except -1
    cdef int _add_item(self, const Item *item) except -1
    cdef int _add_record(
        self, const uint8_t *owner, int rtype, uint32_t ttl, const uint8_t *rdata, int length
    ) except -1
    cdef int _add_owner(self, const uint8_t *owner, int rtype) except -1
    cdef int _grow(self, int length) except -1
    cdef int _fold(self, const uint8_t *name, int *offsets, uint32_t *hashes) except -1
    cdef int _point(self, int at) except -1
    cdef int _add_rdata(self, int rtype, const uint8_t *rdata, int length) except -1
    cdef int _put(self, const uint8_t *octets, int length) except -1
    cdef int _name(self, const uint8_t *name) except -1
    cdef int _remember(self, uint32_t name, int length, uint32_t hash, int at) except -1
    cdef uint32_t _known(self, uint32_t name, int length, uint32_t hash) noexcept
    cdef int _add_optional(self, Sections sections, int arcount, uint16_t *ends) except -1
    cdef int _forget_beyond(self) noexcept
    cdef uint32_t length_of(self, uint32_t ref) noexcept
