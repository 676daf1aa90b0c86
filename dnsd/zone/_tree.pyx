# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A loaded zone as a tree of names, without a Python object for each: what a compiler walks.

The native twin of :mod:`dnsd.zone.structure`. Octets stay where they are, in the zone that a tree
is made of: it must not change afterwards.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.wire.siphash cimport siphash13
from dnsd.zone._bulk cimport Bulk
from dnsd.zone._bulk cimport Node as BulkNode
from dnsd.zone._bulk cimport Record as BulkRecord

import os

cdef enum:
    TYPE_A = 1
    TYPE_NS = 2
    TYPE_AAAA = 28
    TYPE_DNAME = 39
    TYPE_RRSIG = 46
    TYPE_NSEC = 47
    TYPE_NSEC3 = 50


cdef class Tree:
    """The names of ``zone`` and all above them down from the apex, with their RRsets."""

    def __cinit__(self, zone):
        cdef uint32_t node, index
        self.zone = zone
        memcpy(self.key, PyBytes_AS_STRING(os.urandom(16)), 16)
        self.mask = 1023
        self.slots = <uint32_t *>calloc(self.mask + 1, sizeof(uint32_t))
        if self.slots == NULL:
            raise MemoryError
        self.nodes_used = self.sets_used = self.datas_used = 1
        self._node(<const uint8_t *>PyBytes_AS_STRING(zone.apex), PyBytes_GET_SIZE(zone.apex))
        for owner, types in zone.nodes.items():
            node = self._node(<const uint8_t *>PyBytes_AS_STRING(owner), PyBytes_GET_SIZE(owner))
            self.nodes[node].flags |= OWNER
            for rrset in types.values():
                self._insert(node, self.of_rrset(node, rrset))
        if zone.bulk is not None:
            self._add_bulk(zone.bulk)
        for owner, covered in zone.signatures.items():
            node = self._node(<const uint8_t *>PyBytes_AS_STRING(owner), PyBytes_GET_SIZE(owner))
            for covers, rrset in covered.items():
                index = self.of_rrset(node, rrset)
                self.sets[index].covers = covers
                self.sets[index].next = self.nodes[node].signatures
                self.nodes[node].signatures = index
            if self.nodes[node].signatures:
                self._join_signatures(node)
        self._shape()
        self.spare, self.spare_data = self.sets_used, self.datas_used
        for _ in range(SPARE):
            self._new_set(0, 0, 0)
            self._new_data(NULL, 0)

    def __dealloc__(self):
        free(self.nodes)
        free(self.sets)
        free(self.datas)
        free(self.slots)

    # -- looking up ---------------------------------------------------------------------------

    cdef uint32_t find(self, const uint8_t *name, int length) noexcept:
        """Return the node with the lower-case ``name``, 0 if there is none."""
        return self.slots[self._place(name, length)]

    cdef uint32_t has(self, uint32_t node, int rtype) noexcept:
        """Return the set of ``rtype`` at ``node``, 0 if it has none; RRSIG is one, too."""
        cdef uint32_t at = self.nodes[node].first
        while at and self.sets[at].rtype != rtype:
            at = self.sets[at].next
        return at

    cdef uint32_t of_type(self, uint32_t node, int rtype) noexcept:
        """Return the set of ``rtype`` at ``node``, 0 if it has none; RRSIG is none."""
        return 0 if rtype == TYPE_RRSIG else self.has(node, rtype)

    cdef uint32_t _place(self, const uint8_t *name, int length) noexcept:
        cdef uint32_t place = <uint32_t>siphash13(self.key, name, length) & self.mask
        cdef Node *node
        while self.slots[place]:
            node = &self.nodes[self.slots[place]]
            if node.length == length and memcmp(node.name, name, length) == 0:
                break
            place = (place + 1) & self.mask
        return place

    # -- making -------------------------------------------------------------------------------

    cdef uint32_t _node(self, const uint8_t *name, int length) except 0:
        """Return the node with ``name``; what it has none for yet, it and those above get one."""
        cdef uint32_t index = self.find(name, length), above = 0
        cdef Node *node
        if index:
            return index
        if self.nodes_used > 1:
            above = self._node(name + 1 + name[0], length - 1 - name[0])
        if 2 * self.nodes_used > self.mask:
            self._grow_slots()
        self.nodes = <Node *>_room(
            self.nodes, &self.nodes_room, self.nodes_used + 1, sizeof(Node)
        )
        index = self.nodes_used
        self.nodes_used += 1
        node = &self.nodes[index]
        memset(node, 0, sizeof(Node))
        node.name, node.length, node.parent = name, length, above
        self.slots[self._place(name, length)] = index
        if above:
            node.labels = self.nodes[above].labels + 1
        else:
            while name[0]:
                name += 1 + name[0]
                node.labels += 1
        return index

    cdef int _grow_slots(self) except -1:
        cdef uint32_t index
        free(self.slots)
        self.mask = 4 * self.mask + 3
        self.slots = <uint32_t *>calloc(<uint64_t>self.mask + 1, sizeof(uint32_t))
        if self.slots == NULL:
            raise MemoryError
        for index in range(1, self.nodes_used):
            self.slots[self._place(self.nodes[index].name, self.nodes[index].length)] = index
        return 0

    cdef uint32_t _new_set(self, uint32_t node, int rtype, uint32_t ttl) except 0:
        cdef Set *made
        self.sets = <Set *>_room(self.sets, &self.sets_room, self.sets_used + 1, sizeof(Set))
        made = &self.sets[self.sets_used]
        memset(made, 0, sizeof(Set))
        made.node, made.rtype, made.ttl, made.first = node, rtype, ttl, self.datas_used
        self.sets_used += 1
        return self.sets_used - 1

    cdef uint32_t _new_data(self, const uint8_t *at, uint32_t length) except 0:
        self.datas = <Data *>_room(
            self.datas, &self.datas_room, self.datas_used + 1, sizeof(Data)
        )
        self.datas[self.datas_used].at, self.datas[self.datas_used].length = at, length
        self.datas_used += 1
        return self.datas_used - 1

    cdef uint32_t of_rrset(self, uint32_t node, rrset) except 0:
        """Return a new set with the records of ``rrset``, whose octets must stay."""
        cdef uint32_t index = self._new_set(node, rrset.rtype, rrset.ttl)
        cdef tuple rdatas = rrset.rdatas
        self.sets[index].owner = <const uint8_t *>PyBytes_AS_STRING(rrset.owner)
        self.sets[index].count = len(rdatas)
        for rdata in rdatas:
            self._new_data(<const uint8_t *>PyBytes_AS_STRING(rdata), PyBytes_GET_SIZE(rdata))
        return index

    cdef void _insert(self, uint32_t node, uint32_t index) noexcept:
        """Put a set among those of ``node``, so that the one that answers ANY comes first."""
        cdef uint32_t *at = &self.nodes[node].first
        cdef uint32_t rank = _preference(self.sets[index].rtype)
        while at[0] and _preference(self.sets[at[0]].rtype) < rank:
            at = &self.sets[at[0]].next
        self.sets[index].next = at[0]
        at[0] = index

    cdef int _add_bulk(self, bulk) except -1:
        """Add the names of a table: each has one spelling, and its records in order."""
        cdef Bulk table = bulk
        cdef BulkNode *known
        cdef BulkRecord *record
        cdef uint32_t each, node, at, index, other
        for each in range(1, table.nodes_used):
            known = &table.nodes[each]
            if known.first == 0:
                continue
            node = self._node(table.octets + known.name, known.length)
            self.nodes[node].flags |= OWNER
            at = known.first
            while at:
                record = &table.records[at]
                if self.has(node, record.rtype) == 0:
                    index = self._new_set(node, record.rtype, record.ttl)
                    self.sets[index].owner = table.octets + known.owner
                    other = at
                    while other:
                        if table.records[other].rtype == record.rtype:
                            self._new_data(
                                table.octets + table.records[other].rdata,
                                table.records[other].length,
                            )
                            self.sets[index].count += 1
                        other = table.records[other].next
                    self._insert(node, index)
                at = record.next
        return 0

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
        index = self._new_set(node, TYPE_RRSIG, self.sets[least].ttl)
        self.sets[index] = self.sets[least]
        at = self.nodes[node].signatures
        while at:
            if self.sets[at].covers == TYPE_RRSIG:
                self.sets[index].signatures = at
            at = self.sets[at].next
        self._insert(node, index)
        return 0

    # -- structure ----------------------------------------------------------------------------

    cdef void _shape(self) noexcept:
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
        cdef uint32_t ns = self.has(index, TYPE_NS), dname = self.has(index, TYPE_DNAME)
        cdef uint32_t at = node.first, above = node.parent
        cdef bint is_apex = node.parent == 0, is_hashed = node.flags & OWNER != 0
        if dname or (ns and not is_apex):
            node.flags |= STOP
        while at:
            is_hashed = is_hashed and self.sets[at].rtype in (TYPE_NSEC3, TYPE_RRSIG)
            at = self.sets[at].next
        if is_hashed:
            node.flags |= HASHED
        while above and not self.nodes[above].flags & STOP:
            above = self.nodes[above].parent
        if above and node.flags & OWNER and not is_hashed:
            node.flags |= OCCLUDED
        elif ns and not is_apex:
            node.flags |= CUT
        elif dname:
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


cdef void *_room(void *array, uint64_t *room, uint64_t needed, size_t size) except NULL:
    cdef uint64_t more
    cdef void *grown
    if needed <= room[0]:
        return array
    more = room[0] + (room[0] >> 1)
    more = needed if more < needed else more
    more = 256 if more < 256 else more
    grown = realloc(array, more * size)
    if grown == NULL:
        raise MemoryError
    room[0] = more
    return grown
