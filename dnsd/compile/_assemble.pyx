# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Blocks, entries, hash table and denial chain put together: the native twin of ``assemble``."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memcpy, memset

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.compile._answers cimport MOST_TYPES, Answers
from dnsd.compile._denial cimport Chain
from dnsd.compile._output cimport Output
from dnsd.compile._writer cimport Item, Pooled, Writer
from dnsd.image.layout cimport ALIGN, CUT as FLAG_CUT, DNAME as FLAG_DNAME, ENTRY_SIZE, VERSION
from dnsd.zone._table cimport Table
from dnsd.zone._tree cimport CUT, EXISTS, REDIRECT, Node, Tree, fetch

from array import array

from dnsd.compile import poolrecords
from dnsd.compile.table import add_table
from dnsd.errors import ImageError
from dnsd.image import layout
from dnsd.image.selection import DENIAL_TTL
from dnsd.image.store import checksum
from dnsd.wire.name import to_text
from dnsd.zone.table import table_of

cdef enum:
    AHEAD = 8

assert layout.VERSION == VERSION


def image(zone, pools, bytes key, bytes meta):
    """Return the image of ``zone``; see :func:`dnsd.compile.build`."""
    try:
        return _Assembler(zone, pools).image(key, meta)
    except OverflowError:
        raise ImageError(f"the zone {to_text(zone.apex)} is too large (32 GiB)") from None


cdef struct Place:
    uint64_t key[2]           # of the order, as far as sixteen octets tell
    const Node *node


cdef int _order(const void *one, const void *other) noexcept nogil:
    """The longest names first: a wildcard comes before the name above it, which holds its ref."""
    cdef const Place *a = <const Place *>one
    cdef const Place *b = <const Place *>other
    if a.key[0] != b.key[0]:
        return -1 if a.key[0] < b.key[0] else 1
    if a.key[1] != b.key[1]:
        return -1 if a.key[1] < b.key[1] else 1
    return memcmp(a.node.name, b.node.name, a.node.length)


cdef inline void _note(Place *place, const Node *node) noexcept:
    """Note ``node`` and its key: how short its name is, and how that begins."""
    cdef uint8_t octets[16]
    cdef int i
    memset(octets, 0, sizeof(octets))
    octets[0] = 255 - node.length
    memcpy(octets + 1, node.name, min(<int>node.length, 15))
    place.node = node
    place.key[0] = place.key[1] = 0
    for i in range(8):
        place.key[0] = place.key[0] << 8 | octets[i]
        place.key[1] = place.key[1] << 8 | octets[8 + i]


cdef class _Assembler:
    cdef object zone, pools
    cdef Tree tree
    cdef Output out
    cdef Writer writer
    cdef Chain chain
    cdef Answers plain, signed
    cdef Place *names
    cdef uint32_t names_used
    cdef uint16_t *types      # of the name whose entry is being made
    cdef uint32_t *answers    # to them, without and with signatures
    cdef int deepest

    def __cinit__(self, zone, pools):
        self.zone, self.pools = zone, pools
        self.types = <uint16_t *>malloc((MOST_TYPES + 4) * sizeof(uint16_t))
        self.answers = <uint32_t *>malloc(2 * (MOST_TYPES + 4) * sizeof(uint32_t))
        if self.types == NULL or self.answers == NULL:
            raise MemoryError
        self.tree = _tree_of(zone)
        self.tree.begin()
        self.out = Output(bytearray(layout.HEADER.size))
        self.writer = Writer(self.tree, self.out)
        self.chain = Chain(self.tree, True)
        self.plain = Answers(self.tree, Chain(self.tree, False), self.writer, False)
        self.signed = self.plain
        if zone.signatures:
            self.signed = Answers(self.tree, self.chain, self.writer, True)

    def __dealloc__(self):
        free(self.names)
        free(self.types)
        free(self.answers)

    def image(self, bytes key, bytes meta):
        cells = self._add_pools()
        proofs = [self._proof(self.chain.links[i].set) for i in range(self.chain.used)]
        for ref in proofs:
            self.writer.longest_proof = max(
                self.writer.longest_proof, self.writer.length_of(ref) if ref else 0
            )
        self.plain.soa_piece(False)
        self.signed.soa_piece(False)
        nodata = self.plain.nodata(), self.signed.nodata()
        nxdomain = self.plain.nxdomain(), self.signed.nxdomain()
        refs = self._entries()
        octets = self.out.octets
        self.out.finish()
        table, mask, key = add_table(octets, refs, key)
        out = Output(octets)
        denial = self.chain.index(out, proofs)
        at_salt = out.add(self.chain.salt)
        at_meta = out.add(meta)  # the end: a pack puts them elsewhere
        out.finish()
        header = layout.HEADER.pack(
            layout.MAGIC,
            layout.VERSION,
            0,
            0,
            self.zone.serial,
            self.chain.kind,
            table,
            mask,
            len(refs),
            self.tree.nodes[1].ref,
            *nodata,
            *nxdomain,
            denial,
            len(self.chain),
            at_meta,
            len(meta),
            self.chain.iterations,
            len(self.chain.salt),
            self.deepest,
            at_salt,
            self.tree.nodes[1].labels,
            self.tree.nodes[1].length,
            cells,
            key,
        )
        return _finished(octets, header)

    # -- pools --------------------------------------------------------------------------------

    cdef object _add_pools(self):
        """Add the pools, note them at their sets, and return how many cells they have."""
        cdef uint32_t node, rrset
        cdef Pooled *made
        first, end = poolrecords.first_cells([len(pool.weights) for pool in self.pools])
        self.writer.pools = <Pooled *>calloc(1 + len(self.pools), sizeof(Pooled))
        if self.writer.pools == NULL:
            raise MemoryError
        for number, (pool, cell) in enumerate(zip(self.pools, first, strict=True)):
            denial = self._pool_denial(pool)
            octets = poolrecords.encode(pool, cell, denial, self.out.add)
            denied = sum([self.writer.length_of(ref) for ref in denial if ref])
            made = &self.writer.pools[number]
            made.longest = max(poolrecords.longest(pool), denied)
            made.ref, made.rtype = self.out.add(octets), pool.rtype
            made.leads_on = pool.leads_into(self.zone)
            node = self.tree.find(
                <const uint8_t *>PyBytes_AS_STRING(pool.owner), PyBytes_GET_SIZE(pool.owner)
            )
            rrset = self.tree.has(node, pool.rtype)
            self.tree.sets[rrset].pool = 1 + number
        return end

    cdef tuple _pool_denial(self, pool):
        """Return the refs of what says that ``pool`` has no records: SOA, SOA with DO, NSEC."""
        cdef Item item
        proof = 0
        if pool.denial:
            record, signatures = pool.denial
            item.set = self.tree.of_rrset(0, record)
            item.signatures = self.tree.of_rrset(0, signatures)
            item.owner = self.tree.sets[item.set].owner
            item.ttl = min(DENIAL_TTL, record.ttl)
            proof = self.signed.piece(item)
        return self.plain.soa_piece(True), self.signed.soa_piece(True), proof

    # -- entries ------------------------------------------------------------------------------

    cdef object _entries(self):
        """Add an entry for every name; return their refs."""
        cdef uint32_t i, node
        cdef uint32_t[::1] found
        cdef const Node *name
        self._sort_names()
        refs = array("I", bytes(4 * self.names_used))
        found = refs
        for i in range(self.names_used):
            self._fetch(i)
            name = self.names[i].node
            node = <uint32_t>(name - self.tree.nodes)
            found[i] = self._entry(node)
            self.tree.nodes[node].ref = found[i]
            if name.name[0] == 1 and name.name[1] == 42:
                self.tree.nodes[name.parent].wildcard = (
                    self._cut_source(node) if name.flags & CUT else found[i]
                )
        return refs

    cdef inline void _fetch(self, uint32_t at) noexcept:
        """Have the cache get what the next names need: they are not in the order of the file."""
        cdef const Node *node
        if at + 4 * AHEAD >= self.names_used:
            return
        fetch(self.names[at + 4 * AHEAD].node)
        node = self.names[at + 3 * AHEAD].node
        fetch(node.name)
        fetch(&self.tree.sets[node.first])
        fetch(&self.tree.sets[node.first].rtype)
        node = self.names[at + 2 * AHEAD].node
        if node.first:
            fetch(&self.tree.datas[self.tree.sets[node.first].first])
        node = self.names[at + AHEAD].node
        if node.first:
            fetch(self.tree.datas[self.tree.sets[node.first].first].at)

    cdef int _sort_names(self) except -1:
        cdef uint32_t node
        self.names = <Place *>malloc(self.tree.nodes_used * sizeof(Place))
        if self.names == NULL:
            raise MemoryError
        for node in range(1, self.tree.nodes_used):
            if self.tree.nodes[node].flags & EXISTS:
                _note(&self.names[self.names_used], &self.tree.nodes[node])
                self.names_used += 1
                self.deepest = max(self.deepest, self.tree.nodes[node].labels)
        qsort(self.names, self.names_used, sizeof(Place), _order)
        return 0

    cdef uint32_t _entry(self, uint32_t node) except 0:
        cdef uint32_t refs[5]
        cdef int flags = self.tree.nodes[node].flags, count = self.plain.types(node, self.types)
        refs[0] = self.tree.nodes[node].wildcard
        refs[1] = self.plain.default(node)
        refs[2] = self.signed.default(node)
        refs[3] = self._proof(self.chain.match(node))
        refs[4] = 0
        if not flags & CUT and refs[0] == 0:
            refs[4] = self._proof(self.chain.cover_wildcard(node))
        return self._add_entry(
            node, FLAG_CUT * (flags & CUT != 0) | FLAG_DNAME * (flags & REDIRECT != 0), count, refs
        )

    cdef uint32_t _cut_source(self, uint32_t node) except 0:
        """Add what the wildcard ``node``, itself a cut, gives to the names that it stands for.

        RFC 4592 §4.2 leaves that open; here its NS are data like others, as with NSD.
        """
        cdef uint32_t refs[5]
        cdef uint32_t at = self.tree.nodes[node].first
        cdef int count = 0
        memset(refs, 0, sizeof(refs))
        refs[3] = self._proof(self.chain.match(node))
        while at:
            self.types[count] = self.tree.sets[at].rtype
            count += 1
            at = self.tree.sets[at].next
        return self._add_entry(node, 0, count, refs)

    cdef uint32_t _add_entry(self, uint32_t node, int flags, int count, uint32_t *refs) except 0:
        """Add the answers of the ``types`` and the entry that lists them."""
        cdef uint32_t *answers = self.answers
        cdef int i, padded = count + (count & 1), length = self.tree.nodes[node].length
        cdef uint64_t at
        cdef uint8_t *p
        for i in range(count):
            answers[i] = self.plain.answer(node, self.types[i])
        for i in range(count):
            if self.signed is self.plain:
                answers[count + i] = answers[i]
            else:
                answers[count + i] = self.signed.answer(node, self.types[i])
        at = self.out.take(ENTRY_SIZE + 8 * count + 2 * padded + length)
        p = self.out.at + at
        p[0], p[1] = length, flags
        p[2], p[3] = count & 0xFF, count >> 8
        memcpy(p + 4, refs, 20)
        p += ENTRY_SIZE
        self.types[count] = 0
        memcpy(p, self.types, 2 * padded)
        p += 2 * padded
        memcpy(p, answers, 8 * count)
        memcpy(p + 8 * count, self.tree.nodes[node].name, length)
        return <uint32_t>(at // ALIGN)

    cdef uint32_t _proof(self, uint32_t rrset) except? 0:
        """Return the ref of the piece of a denial record, 0 if there is none."""
        if rrset == 0 or self.signed is self.plain:
            return 0
        return self.signed.proof_piece(rrset)


cdef Tree _tree_of(zone):
    """Return the table of ``zone`` itself, or a tree that is made of its objects."""
    cdef Table table = table_of(zone)
    cdef Tree made = table
    if table is None:
        made = Tree(zone.apex)
        made.add_zone(zone)
    return made


cdef object _finished(octets, header):
    octets[: len(header)] = header
    at = len(layout.MAGIC)
    octets[at + 8 : at + 16] = len(octets).to_bytes(8, "little")
    octets[at + 4 : at + 8] = checksum(octets).to_bytes(4, "little")
    return octets
