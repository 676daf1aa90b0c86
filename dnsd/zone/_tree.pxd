from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    OWNER = 1                 # has records other than signatures
    CUT = 2
    REDIRECT = 4              # has a DNAME that counts
    OCCLUDED = 8
    AT_CUT = 16               # a cut, or below one
    HASHED = 32               # has nothing but NSEC3
    EXISTS = 64               # for queries
    EMPTY = 128               # an empty non-terminal
    STOP = 256                # has a DNAME, or NS below the apex
    BELOW = 512               # is below such a name

cdef enum:
    SPARE = 64                # sets for what is made while answers are worked out

cdef struct Data:
    const uint8_t *at
    uint32_t length


cdef struct Set:
    const uint8_t *owner      # as spelled; as long as the node's name
    uint32_t seen             # the block that had it last
    uint32_t node
    uint32_t first, count     # rdatas
    uint32_t room             # for rdatas
    uint32_t ttl
    uint32_t next             # of the node, or of its signatures; 0 after the last
    uint32_t signatures       # the set of RRSIGs that cover it
    uint32_t pool             # 1 + its number, 0: it is none
    uint32_t piece            # ref of its piece with signatures, 0: not yet made
    uint32_t line             # where its first record stands
    uint16_t file
    uint16_t rtype
    uint16_t covers
    uint8_t mixed             # has records with several TTLs
    uint8_t full              # it was told that it has too many
    uint8_t opens             # is the first one of its name, or of its signatures


cdef struct Node:
    const uint8_t *name       # in lower case
    uint32_t parent           # 0: this is the apex
    uint32_t first            # its sets; the first one answers ANY
    uint32_t signatures       # its sets of RRSIGs
    uint32_t ref              # of its entry
    uint32_t wildcard         # ref of what the wildcard below it gives
    uint32_t proof            # 1 + the set that matches it in an NSEC3 chain, 0: not yet known
    uint32_t sets             # how many it has, with those of signatures
    uint16_t flags
    uint8_t length
    uint8_t labels


cdef struct Named:
    uint32_t hash
    uint32_t node             # 0: the place is free


cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define dnsd_fetch(at) __builtin_prefetch(at)
    #else
    #define dnsd_fetch(at) ((void)(at))
    #endif
    """
    void fetch "dnsd_fetch"(const void *at) noexcept nogil


cdef class Tree:
    cdef object held          # whatever else has octets that are pointed to
    cdef Node *nodes          # from 1 on, the apex first, parents before children
    cdef Set *sets            # from 1 on, in the order of their first records
    cdef Data *datas
    cdef uint32_t nodes_used, sets_used, datas_used
    cdef uint64_t nodes_room, sets_room, datas_room
    cdef Named *by_name
    cdef uint32_t last_above  # below which the last new node is
    cdef uint32_t mask
    cdef uint32_t own_sets, own_datas    # of records; behind them is what a compiler has made
    cdef uint32_t spare, spare_data
    cdef uint32_t stamp       # of the block in the making: an image has fewer of them
    cdef uint8_t key[16]
    cdef uint8_t **chunks     # octets that never move
    cdef uint64_t chunks_used, chunks_room, chunk_room
    cdef uint64_t chunk_used

    cdef uint32_t find(self, const uint8_t *name, int length) noexcept
    cdef uint32_t has(self, uint32_t node, int rtype) noexcept
    cdef uint32_t of_type(self, uint32_t node, int rtype) noexcept
    cdef const uint8_t *store(self, const uint8_t *octets, uint64_t length) except NULL
    cdef uint32_t node_of(self, const uint8_t *name, int length) except 0
    cdef uint32_t _new_node(self, const uint8_t *name, int length, Named *place) except 0
    cdef Named *_place(self, const uint8_t *name, int length) noexcept
    cdef uint32_t _above(self, const uint8_t *name, int length) except 0
    cdef int _grow_table(self) except -1
    cdef uint32_t new_set(self, uint32_t node, int rtype, uint32_t ttl) except 0
    cdef uint32_t new_data(self, const uint8_t *at, uint32_t length) except 0
    cdef uint32_t of_rrset(self, uint32_t node, rrset) except 0
    cdef void insert(self, uint32_t node, uint32_t index) noexcept
    cdef uint32_t signatures_of(self, uint32_t node, int covers) noexcept
    cdef int copy(self, Tree other) except -1
    cdef int add_zone(self, zone) except -1
    cdef int _join_signatures(self, uint32_t node) except -1
    cdef int begin(self) except -1
    cdef void _clear(self) noexcept
    cdef void shape(self) noexcept
    cdef void _mark(self, uint32_t node) noexcept


cdef void *room_for(void *array, uint64_t *room, uint64_t needed, size_t size) except NULL
