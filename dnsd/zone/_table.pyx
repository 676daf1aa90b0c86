# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The records of a zone that is being loaded, without Python objects, and a look at them as such.

The native twin of what :mod:`dnsd.zone.gather` makes of records. What a record cannot be added for
is told by a number: the words are Python's.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.zone._tree cimport OWNER, Data, Node, Set, Tree, room_for

from dnsd.wire.rdata import canonical
from dnsd.zone.records import RRset

cdef enum:
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_DNAME = 39
    TYPE_RRSIG = 46
    TYPE_NSEC = 47
    FEW = 32                  # sets of a name, and records of a set, that are looked through


cdef class Table(Tree):
    """The records of the zone at ``apex``; a set has ``most_together`` of them at most."""

    def __cinit__(self, bytes apex, *rest):
        self.apex, self.files, self.mixed, self.crowd = apex, [], [], {}

    def __init__(self, bytes apex, uint32_t most_together):
        self.most_together = most_together

    # -- adding -------------------------------------------------------------------------------

    def file_number(self, str name):
        """Return the number by which the table knows the file called ``name``."""
        if not self.files or self.files[len(self.files) - 1] != name:
            self.files.append(name)
        return len(self.files) - 1

    def add(self, bytes owner, bytes key, int rtype, uint32_t ttl, bytes rdata, uint32_t line, int file):
        """Add a record, whose owner is ``key`` in lower case; return what became of it.

        0, or 1: it is there already, 2: its type may be there once, 3: its RRset is full.
        """
        cdef uint32_t node = self.node_of(
            <const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key)
        )
        return self.add_record(
            node, <const uint8_t *>PyBytes_AS_STRING(owner), rtype, ttl,
            <const uint8_t *>PyBytes_AS_STRING(rdata), PyBytes_GET_SIZE(rdata), line, file
        )

    cdef int add_record(
        self, uint32_t node, const uint8_t *owner, int rtype, uint32_t ttl, const uint8_t *rdata,
        uint32_t length, uint32_t line, int file
    ) except -1:
        cdef int covers = rdata[0] << 8 | rdata[1] if rtype == TYPE_RRSIG else 0
        cdef uint32_t index = self._set_of(node, rtype, covers)
        cdef Set *rrset
        cdef int outcome = ADDED
        if index == 0:
            index = self._create(node, owner, rtype, covers, ttl)
            self.sets[index].line, self.sets[index].file = line, file
            self.found = index
            return self._append(index, rdata, length)
        self.found = index
        rrset = &self.sets[index]
        if self._is_known(rrset, rdata, length):
            outcome = DUPLICATE
        elif rtype in (TYPE_SOA, TYPE_CNAME, TYPE_DNAME, TYPE_NSEC):
            outcome = SECOND
        elif rrset.count >= self.most_together:
            outcome = OVERFULL
        else:
            self._append(index, rdata, length)
        if ttl != rrset.ttl and not rrset.mixed:
            rrset.mixed = True
            self.mixed.append((index, file, line))
        rrset.ttl = min(rrset.ttl, ttl)
        return outcome

    cdef uint32_t _set_of(self, uint32_t node, int rtype, int covers) except? 0:
        cdef uint32_t at = self.nodes[node].signatures if rtype == TYPE_RRSIG else (
            self.nodes[node].first
        )
        if self.nodes[node].sets > FEW:
            return self.crowd.get((node, rtype, covers), 0)
        while at and (self.sets[at].rtype != rtype or self.sets[at].covers != covers):
            at = self.sets[at].next
        return at

    cdef uint32_t _create(
        self, uint32_t node, const uint8_t *owner, int rtype, int covers, uint32_t ttl
    ) except 0:
        cdef uint32_t index = self.new_set(node, rtype, ttl), at
        cdef Node *its = &self.nodes[node]
        self.sets[index].owner = self._spelled(node, owner)
        self.sets[index].covers = covers
        self.sets[index].opens = (its.signatures if rtype == TYPE_RRSIG else its.first) == 0
        if rtype == TYPE_RRSIG:
            self.sets[index].next = its.signatures
            its.signatures = index
        else:
            its.flags |= OWNER
            self.insert(node, index)
        its.sets += 1
        if its.sets == FEW + 1:
            for at in range(1, self.sets_used):
                if self.sets[at].node == node:
                    self.crowd[node, self.sets[at].rtype, self.sets[at].covers] = at
        elif its.sets > FEW:
            self.crowd[node, rtype, covers] = index
        return index

    cdef const uint8_t *_spelled(self, uint32_t node, const uint8_t *owner) except NULL:
        """Return ``owner``, which spells the name of ``node``, where it stays."""
        cdef Node *its = &self.nodes[node]
        if memcmp(its.name, owner, its.length) == 0:
            return its.name
        if its.first and memcmp(self.sets[its.first].owner, owner, its.length) == 0:
            return self.sets[its.first].owner
        return self.store(owner, its.length)

    cdef bint _is_known(self, Set *rrset, const uint8_t *rdata, uint32_t length) except -1:
        """Whether the set has a record that differs from this one in nothing that counts."""
        cdef uint32_t i, index = <uint32_t>(rrset - self.sets)
        cdef Data *data
        if rrset.count > FEW:
            form = canonical(rrset.rtype, rdata[:length])
            return form in self.crowd[index]
        for i in range(rrset.count):
            data = &self.datas[rrset.first + i]
            if data.length != length:
                continue
            if memcmp(data.at, rdata, length) == 0:
                return True
            if _may_be_same(data.at, rdata, length) and (
                canonical(rrset.rtype, rdata[:length])
                == canonical(rrset.rtype, data.at[:data.length])
            ):
                return True
        return False

    cdef int _append(self, uint32_t index, const uint8_t *rdata, uint32_t length) except -1:
        """Put a record behind those of a set, which are moved where there is no room."""
        cdef Set *rrset = &self.sets[index]
        cdef const uint8_t *at = self.store(rdata, length) if length else rrset.owner
        cdef uint32_t i
        if rrset.count == 0 or rrset.first + rrset.count == self.datas_used:
            rrset.first = self.new_data(at, length) - rrset.count
            rrset.room = rrset.count + 1
        elif rrset.count < rrset.room:
            self.datas[rrset.first + rrset.count].at = at
            self.datas[rrset.first + rrset.count].length = length
        else:
            rrset.room = 2 * rrset.count
            self.datas = <Data *>room_for(
                self.datas, &self.datas_room, self.datas_used + rrset.room, sizeof(Data)
            )
            memcpy(
                &self.datas[self.datas_used], &self.datas[rrset.first], rrset.count * sizeof(Data)
            )
            rrset.first = self.datas_used
            self.datas_used += rrset.room
            self.datas[rrset.first + rrset.count].at = at
            self.datas[rrset.first + rrset.count].length = length
        rrset.count += 1
        if rrset.count == FEW + 1:
            self.crowd[index] = {
                canonical(rrset.rtype, self.datas[rrset.first + i].at[
                    : self.datas[rrset.first + i].length
                ])
                for i in range(rrset.count)
            }
        elif rrset.count > FEW:
            self.crowd[index].add(canonical(rrset.rtype, rdata[:length]))
        return 0

    def last(self):
        """Return the RRset that the last record was added to, or was not."""
        return self.rrset(self.found)

    def is_first_too_many(self):
        """Tell, once for each RRset, whether the last record was one too many for it."""
        is_first = not self.sets[self.found].full
        self.sets[self.found].full = True
        return is_first

    def finish(self):
        """Find out the structure; nothing is added any more."""
        self.shape()
        self.crowd = {}

    def replaced(self, rrsets):
        """Return a table with ``rrsets`` in place of those of the same names and types."""
        cdef Table made = Table(self.apex, self.most_together)
        cdef uint32_t node, index
        made.files = [*self.files]
        made.copy(self)
        for rrset in rrsets:
            node = made.node_named(rrset.owner.lower())
            index = made.signatures_of(node, int.from_bytes(rrset.rdatas[0][:2])) if (
                rrset.rtype == TYPE_RRSIG
            ) else made.has(node, rrset.rtype)
            if index == 0:
                raise KeyError(rrset)
            made.sets[index].first = made.datas_used
            made.sets[index].count, made.sets[index].ttl = len(rrset.rdatas), rrset.ttl
            for rdata in rrset.rdatas:
                made.new_data(
                    made.store(<const uint8_t *>PyBytes_AS_STRING(rdata), len(rdata)), len(rdata)
                )
        return made

    # -- looking ------------------------------------------------------------------------------

    def of_mixed(self):
        """Return (RRset, file, line) of each that has several TTLs, and where the second one is."""
        return [(self.rrset(index), self.files[file], line) for index, file, line in self.mixed]

    def types(self, bytes name):
        """Return the RRsets at ``name`` by type, {} if there are none."""
        return self.types_of(self.node_named(name))

    def has_records(self, bytes name):
        """Tell whether ``name`` has records other than signatures."""
        cdef uint32_t node = self.node_named(name)
        return node != 0 and self.nodes[node].flags & OWNER != 0

    def covered(self, bytes name):
        """Return the signatures at ``name`` by the type that they cover, {} if there are none."""
        cdef uint32_t node = self.node_named(name), at
        cdef list found = []
        at = self.nodes[node].signatures if node else 0
        while at:
            found.append(at)
            at = self.sets[at].next
        found.sort()
        return {self.sets[index].covers: self.rrset(index) for index in found}

    def owners(self):
        """Yield the names with records, in the order of the first of each."""
        cdef uint32_t at
        for at in range(1, self.end()):
            if self.sets[at].opens and self.sets[at].rtype != TYPE_RRSIG:
                yield self.name_of(self.sets[at].node)

    def signed_owners(self):
        """Yield the names with signatures, in the order of the first of each."""
        cdef uint32_t at
        for at in range(1, self.end()):
            if self.sets[at].opens and self.sets[at].rtype == TYPE_RRSIG:
                yield self.name_of(self.sets[at].node)

    def count(self):
        """Return how many names have records."""
        cdef uint32_t node, found = 0
        for node in range(1, self.nodes_used):
            found += self.nodes[node].flags & OWNER
        return found

    def count_signed(self):
        """Return how many names have signatures."""
        cdef uint32_t node, found = 0
        for node in range(1, self.nodes_used):
            found += self.nodes[node].signatures != 0
        return found

    cdef uint32_t end(self) noexcept:
        """Return where the sets of records end: behind them is what a compiler has made."""
        return self.own_sets or self.sets_used

    def crowded(self, uint32_t most):
        """Return the names with more than ``most`` records, signatures left out, and how many."""
        cdef uint32_t index, at, found = 0, larger = 0
        cdef list owners = []
        for index in range(1, self.sets_used):
            larger += self.sets[index].count
        if larger <= most:
            return owners
        for index in range(1, self.nodes_used):
            found, at = 0, self.nodes[index].first
            while at:
                found += self.sets[at].count
                at = self.sets[at].next
            if found > most:
                owners.append((self.name_of(index), found))
        return owners

    def flags_of(self, bytes name):
        """Return what ``name`` is, as bits; 0 if the zone knows nothing of it."""
        cdef uint32_t node = self.node_named(name)
        return self.nodes[node].flags if node else 0

    def flagged(self, int flags):
        """Yield the names that have one of ``flags``."""
        cdef uint32_t node
        for node in range(1, self.nodes_used):
            if self.nodes[node].flags & flags:
                yield self.name_of(node)

    cdef uint32_t node_named(self, bytes name):
        return self.find(<const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))

    cdef dict types_of(self, uint32_t node):
        cdef uint32_t at = self.nodes[node].first if node else 0
        cdef list found = []
        while at:
            if self.sets[at].rtype != TYPE_RRSIG:  # a compiler may have added one
                found.append(at)
            at = self.sets[at].next
        if len(found) > 1:
            found.sort()
        return {self.sets[index].rtype: self.rrset(index) for index in found}

    cdef bytes name_of(self, uint32_t node):
        return self.nodes[node].name[: self.nodes[node].length]

    cdef object rrset(self, uint32_t index):
        cdef Set *own = &self.sets[index]
        cdef list rdatas = []
        cdef Data *data
        cdef uint32_t i
        for i in range(own.count):
            data = &self.datas[own.first + i]
            rdatas.append(data.at[: data.length])
        return RRset(
            own.owner[: self.nodes[own.node].length], own.rtype, own.ttl, tuple(rdatas),
            self.files[own.file], own.line,
        )


cdef bint _may_be_same(const uint8_t *one, const uint8_t *other, uint32_t length) noexcept:
    """Whether two rdatas differ in nothing but the case of letters, if in that."""
    cdef uint32_t i
    for i in range(length):
        if one[i] != other[i] and (one[i] | 32 != other[i] | 32 or not 97 <= one[i] | 32 <= 122):
            return False
    return True
