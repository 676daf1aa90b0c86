# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A zone as a tree of names, without a Python object for each: what a compiler walks.

Its octets stand in chunks that never move, or in the objects of the zone that it was made of. The
structure is that of :mod:`dnsd.zone.structure`.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.wire.siphash cimport siphash13

import os

cdef enum:
    TYPE_A = 1
    TYPE_NS = 2
    TYPE_AAAA = 28
    TYPE_DNAME = 39
    TYPE_RRSIG = 46
    TYPE_NSEC = 47
    TYPE_NSEC3 = 50
    FIRST_CHUNK = 2048
    LARGEST_CHUNK = 1048576


cdef class Tree:
    """The names of a zone and all above them down from ``apex``, with their RRsets."""

    def __cinit__(self, bytes apex, *rest):
        memcpy(self.key, PyBytes_AS_STRING(os.urandom(16)), 16)
        self.mask = 63
        self.by_name = <Named *>calloc(self.mask + 1, sizeof(Named))
        if self.by_name == NULL:
            raise MemoryError
        self.nodes_used = self.sets_used = self.datas_used = 1
        self.node_of(<const uint8_t *>PyBytes_AS_STRING(apex), PyBytes_GET_SIZE(apex))

    def __dealloc__(self):
        cdef uint64_t i
        for i in range(self.chunks_used):
            free(self.chunks[i])
        free(self.chunks)
        free(self.nodes)
        free(self.sets)
        free(self.datas)
        free(self.by_name)

    # -- looking up ---------------------------------------------------------------------------

    cdef uint32_t find(self, const uint8_t *name, int length) noexcept:
        """Return the node with the lower-case ``name``, 0 if there is none."""
        return self._place(name, length).node

    cdef uint32_t has(self, uint32_t node, int rtype) noexcept:
        """Return the set of ``rtype`` at ``node``, 0 if it has none; RRSIG is one, too."""
        cdef uint32_t at = self.nodes[node].first
        while at and self.sets[at].rtype != rtype:
            at = self.sets[at].next
        return at

    cdef uint32_t of_type(self, uint32_t node, int rtype) noexcept:
        """Return the set of ``rtype`` at ``node``, 0 if it has none; RRSIG is none."""
        return 0 if rtype == TYPE_RRSIG else self.has(node, rtype)

    cdef Named *_place(self, const uint8_t *name, int length) noexcept:
        """Return the place of ``name``, or the free one that it is to have: its hash is there."""
        cdef uint32_t hash = <uint32_t>siphash13(self.key, name, length), at = hash & self.mask
        cdef Named *place = &self.by_name[at]
        cdef Node *node
        while place.node:
            # a look at a name is a miss of the cache, and a hash is seldom that of another one
            if place.hash == hash:
                node = &self.nodes[place.node]
                if node.length == length and memcmp(node.name, name, length) == 0:
                    return place
            at = (at + 1) & self.mask
            place = &self.by_name[at]
        place.hash = hash
        return place

    # -- making -------------------------------------------------------------------------------

    cdef const uint8_t *store(self, const uint8_t *octets, uint64_t length) except NULL:
        """Return a copy of ``octets`` that lasts as long as the tree."""
        cdef uint8_t *at
        if self.chunk_used + length > self.chunk_room:
            self.chunks = <uint8_t **>room_for(
                self.chunks, &self.chunks_room, self.chunks_used + 1, sizeof(uint8_t *)
            )
            self.chunk_room = min(max(2 * self.chunk_room, FIRST_CHUNK), LARGEST_CHUNK)
            at = <uint8_t *>malloc(max(self.chunk_room, length))
            if at == NULL:
                raise MemoryError
            self.chunks[self.chunks_used] = at
            self.chunks_used += 1
            self.chunk_used = 0
        at = self.chunks[self.chunks_used - 1] + self.chunk_used
        memcpy(at, octets, length)
        self.chunk_used += length
        return at

    cdef uint32_t node_of(self, const uint8_t *name, int length) except 0:
        """Return the node with ``name``; what it has none for yet, it and those above get one."""
        cdef Named *place = self._place(name, length)
        if place.node:
            return place.node
        return self._new_node(self.store(name, length), length, place)

    cdef uint32_t _new_node(self, const uint8_t *name, int length, Named *place) except 0:
        """Return a new node for ``name``, whose octets stay; ``place`` is where it is missed."""
        cdef uint32_t index, above = 0
        cdef int rest = length - 1 - name[0]
        cdef Node *node
        if self.nodes_used > 1:
            index = self.nodes_used
            above = self._above(name + length - rest, rest)
            if self.nodes_used > index:
                place = self._place(name, length)
        if 2 * self.nodes_used > self.mask:
            self._grow_table()
            place = self._place(name, length)
        self.nodes = <Node *>room_for(
            self.nodes, &self.nodes_room, self.nodes_used + 1, sizeof(Node)
        )
        index = self.nodes_used
        self.nodes_used += 1
        node = &self.nodes[index]
        memset(node, 0, sizeof(Node))
        node.name, node.length, node.parent = name, length, above
        place.node = index
        if above:
            node.labels = self.nodes[above].labels + 1
        else:
            while name[0]:
                name += 1 + name[0]
                node.labels += 1
        return index

    cdef uint32_t _above(self, const uint8_t *name, int length) except 0:
        """Return the node with ``name``, mostly the one that the last new node is below."""
        cdef Node *last = &self.nodes[self.last_above]
        cdef Named *place
        if self.last_above and last.length == length and memcmp(last.name, name, length) == 0:
            return self.last_above
        place = self._place(name, length)
        self.last_above = place.node or self._new_node(name, length, place)
        return self.last_above

    cdef int _grow_table(self) except -1:
        cdef Named *old = self.by_name
        cdef uint32_t size = self.mask + 1, i, at
        cdef Named *grown = <Named *>calloc(2 * <uint64_t>size, sizeof(Named))
        if grown == NULL:
            raise MemoryError
        self.by_name, self.mask = grown, 2 * size - 1
        for i in range(size):
            if old[i].node == 0:
                continue
            at = old[i].hash & self.mask
            while grown[at].node:
                at = (at + 1) & self.mask
            grown[at] = old[i]
        free(old)
        return 0

    cdef uint32_t new_set(self, uint32_t node, int rtype, uint32_t ttl) except 0:
        cdef Set *made
        self.sets = <Set *>room_for(self.sets, &self.sets_room, self.sets_used + 1, sizeof(Set))
        made = &self.sets[self.sets_used]
        memset(made, 0, sizeof(Set))
        made.node, made.rtype, made.ttl, made.first = node, rtype, ttl, self.datas_used
        self.sets_used += 1
        return self.sets_used - 1

    cdef uint32_t new_data(self, const uint8_t *at, uint32_t length) except 0:
        self.datas = <Data *>room_for(
            self.datas, &self.datas_room, self.datas_used + 1, sizeof(Data)
        )
        self.datas[self.datas_used].at, self.datas[self.datas_used].length = at, length
        self.datas_used += 1
        return self.datas_used - 1

    cdef uint32_t of_rrset(self, uint32_t node, rrset) except 0:
        """Return a new set with the records of ``rrset``, whose octets must stay."""
        cdef uint32_t index = self.new_set(node, rrset.rtype, rrset.ttl)
        cdef tuple rdatas = rrset.rdatas
        self.sets[index].owner = <const uint8_t *>PyBytes_AS_STRING(rrset.owner)
        self.sets[index].count = len(rdatas)
        for rdata in rdatas:
            self.new_data(<const uint8_t *>PyBytes_AS_STRING(rdata), PyBytes_GET_SIZE(rdata))
        return index

    cdef void insert(self, uint32_t node, uint32_t index) noexcept:
        """Put a set among those of ``node``, so that the one that answers ANY comes first."""
        cdef uint32_t *at = &self.nodes[node].first
        cdef uint32_t rank = _preference(self.sets[index].rtype)
        while at[0] and _preference(self.sets[at[0]].rtype) < rank:
            at = &self.sets[at[0]].next
        self.sets[index].next = at[0]
        at[0] = index

    cdef int add_zone(self, zone) except -1:
        """Add all RRsets of ``zone``, whose objects must not change any more."""
        cdef uint32_t node, index
        self.held = zone
        for owner, types in zone.nodes.items():
            node = self.node_of(<const uint8_t *>PyBytes_AS_STRING(owner), PyBytes_GET_SIZE(owner))
            self.nodes[node].flags |= OWNER
            for rrset in types.values():
                self.insert(node, self.of_rrset(node, rrset))
        for owner, covered in zone.signatures.items():
            node = self.node_of(<const uint8_t *>PyBytes_AS_STRING(owner), PyBytes_GET_SIZE(owner))
            for covers, rrset in covered.items():
                index = self.of_rrset(node, rrset)
                self.sets[index].covers = covers
                self.sets[index].next = self.nodes[node].signatures
                self.nodes[node].signatures = index
        self.shape()
        return 0

    cdef uint32_t signatures_of(self, uint32_t node, int covers) noexcept:
        """Return the set of the signatures of a type at ``node``, 0 if it has none."""
        cdef uint32_t at = self.nodes[node].signatures
        while at and self.sets[at].covers != covers:
            at = self.sets[at].next
        return at

    cdef int copy(self, Tree other) except -1:
        """Become ``other``, which goes on to hold the octets; what a compiler has made is left out."""
        self.held = other
        free(self.by_name)
        self.mask, self.by_name = other.mask, NULL
        memcpy(self.key, other.key, sizeof(self.key))
        self.by_name = <Named *>_copied(other.by_name, (<uint64_t>self.mask + 1) * sizeof(Named))
        free(self.nodes)
        self.nodes = NULL
        self.nodes = <Node *>_copied(other.nodes, other.nodes_used * sizeof(Node))
        self.sets = <Set *>_copied(other.sets, other.sets_used * sizeof(Set))
        self.datas = <Data *>_copied(other.datas, other.datas_used * sizeof(Data))
        self.nodes_used = self.nodes_room = other.nodes_used
        self.sets_used = self.sets_room = other.sets_used
        self.datas_used = self.datas_room = other.datas_used
        self.own_sets, self.own_datas = other.own_sets, other.own_datas
        if self.own_sets:
            self._clear()
        self.own_sets = 0
        return 0

    # -- for a compiler -----------------------------------------------------------------------

    cdef int begin(self) except -1:
        """Make room for what a compiler notes, and take away what another one has noted."""
        cdef uint32_t index
        if self.own_sets:
            self._clear()
        self.own_sets, self.own_datas = self.sets_used, self.datas_used
        for index in range(1, self.nodes_used):
            if self.nodes[index].signatures:
                self._join_signatures(index)
        self.spare, self.spare_data = self.sets_used, self.datas_used
        for _ in range(SPARE):
            self.new_set(0, 0, 0)
            self.new_data(NULL, 0)
        return 0

    cdef void _clear(self) noexcept:
        cdef uint32_t index
        cdef uint32_t *at
        for index in range(1, self.nodes_used):
            self.nodes[index].ref = self.nodes[index].wildcard = self.nodes[index].proof = 0
            at = &self.nodes[index].first
            while at[0]:
                if at[0] >= self.own_sets:
                    at[0] = self.sets[at[0]].next
                else:
                    at = &self.sets[at[0]].next
        for index in range(1, self.own_sets):
            self.sets[index].pool = self.sets[index].piece = self.sets[index].signatures = 0
            self.sets[index].seen = 0
        self.sets_used, self.datas_used = self.own_sets, self.own_datas

    cdef int _join_signatures(self, uint32_t node) except -1:
        """Give each set of ``node`` its signatures, and the node the set that answers RRSIG."""
        cdef uint32_t at = self.nodes[node].signatures, least = at, index
        while at:
            index = self.has(node, self.sets[at].covers)
            if index:
                self.sets[index].signatures = at
            if self.sets[at].covers < self.sets[least].covers:
                least = at
            at = self.sets[at].next
        # RFC 8482 in spirit: the signatures of one RRset, not of all of them
        index = self.new_set(node, TYPE_RRSIG, self.sets[least].ttl)
        self.sets[index] = self.sets[least]
        at = self.nodes[node].signatures
        while at:
            if self.sets[at].covers == TYPE_RRSIG:
                self.sets[index].signatures = at
            at = self.sets[at].next
        self.insert(node, index)
        return 0

    # -- structure ----------------------------------------------------------------------------

    cdef void shape(self) noexcept:
        """Find out what each name is; parents have smaller numbers than children."""
        cdef uint32_t index, above
        cdef Node *node
        for index in range(1, self.nodes_used):
            self._mark(index)
        for index in range(1, self.nodes_used):
            node = &self.nodes[index]
            if not node.flags & EXISTS or node.flags & EMPTY:
                continue
            above = node.parent
            while above and not self.nodes[above].flags & EXISTS:
                self.nodes[above].flags |= EXISTS | EMPTY
                above = self.nodes[above].parent

    cdef void _mark(self, uint32_t index) noexcept:
        cdef Node *node = &self.nodes[index]
        cdef uint32_t at = node.first, above = node.parent
        cdef bint is_apex = node.parent == 0, is_hashed = node.flags & OWNER != 0
        cdef bint has_ns = False, has_dname = False
        while at:
            has_ns = has_ns or self.sets[at].rtype == TYPE_NS
            has_dname = has_dname or self.sets[at].rtype == TYPE_DNAME
            is_hashed = is_hashed and self.sets[at].rtype == TYPE_NSEC3
            at = self.sets[at].next
        if has_dname or (has_ns and not is_apex):
            node.flags |= STOP
        if is_hashed:
            node.flags |= HASHED
        # what a stop is above of, all below it are told by the one above them
        if above and self.nodes[above].flags & (STOP | BELOW):
            node.flags |= BELOW
        if node.flags & BELOW and node.flags & OWNER and not is_hashed:
            node.flags |= OCCLUDED
        elif has_ns and not is_apex:
            node.flags |= CUT
        elif has_dname:
            node.flags |= REDIRECT
        if node.flags & CUT or not is_apex and self.nodes[node.parent].flags & AT_CUT:
            node.flags |= AT_CUT
        if is_apex or node.flags & OWNER and not node.flags & (OCCLUDED | HASHED):
            node.flags |= EXISTS


cdef inline uint32_t _preference(int rtype) noexcept:
    """Order types so that the one that answers ANY comes first: addresses, then the rest."""
    if rtype == TYPE_A or rtype == TYPE_AAAA:
        return rtype
    return rtype + (131072 if rtype in (TYPE_RRSIG, TYPE_NSEC, TYPE_NSEC3) else 65536)


cdef void *_copied(const void *array, uint64_t octets) except NULL:
    cdef void *made = malloc(octets)
    if made == NULL:
        raise MemoryError
    return memcpy(made, array, octets)


cdef void *room_for(void *array, uint64_t *room, uint64_t needed, size_t size) except NULL:
    """Return ``array`` with room for ``needed`` items; ``room`` is how many it has room for."""
    cdef uint64_t more
    cdef void *grown
    if needed <= room[0]:
        return array
    more = room[0] + (room[0] >> 1)
    more = needed if more < needed else more
    more = 32 if more < 32 else more
    grown = realloc(array, more * size)
    if grown == NULL:
        raise MemoryError
    room[0] = more
    return grown
