# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""Entries and blocks of the names in a :class:`dnsd.zone._bulk.Bulk`, without Python objects.

The same octets that ``answers`` and ``writer`` make for names whose data needs no thought:
no names inside, nothing additional, no signatures. And the hash table of any image.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.wire.siphash cimport siphash13
from dnsd.zone._bulk cimport Bulk, Node, Record

from array import array

from dnsd.image import layout

cdef enum:
    ALIGN = 8
    ENTRY_SIZE = 24
    BLOCK_SIZE = 24
    MAX_TYPES = 3
    TYPE_A = 1
    TYPE_TXT = 16
    TYPE_AAAA = 28
    MAX_PROBES = 128

assert (layout.ALIGN, layout.ENTRY.size, layout.BLOCK.size) == (ALIGN, ENTRY_SIZE, BLOCK_SIZE)
assert layout.AUTHORITATIVE == 1 and layout.SLOT_HASH.size == 8
assert layout.MAX_PROBES == MAX_PROBES and layout.KEY_SIZE == 16

cdef class _Output:
    """A bytearray that grows in large steps; ``size`` is how much of it is used."""

    cdef object octets
    cdef uint8_t *at
    cdef uint64_t size, room

    def __cinit__(self, octets):
        self.octets = octets
        self.size = self.room = PyByteArray_GET_SIZE(octets)
        self.at = <uint8_t *>PyByteArray_AS_STRING(octets)

    cdef uint64_t take(self, uint64_t length) except 0:
        """Return the offset of ``length`` new octets at an aligned place."""
        cdef uint64_t start = (self.size + ALIGN - 1) // ALIGN * ALIGN
        if start + length > self.room:
            self.room = start + length + (self.room >> 2) + 65536
            PyByteArray_Resize(self.octets, self.room)
            self.at = <uint8_t *>PyByteArray_AS_STRING(self.octets)
        memset(self.at + self.size, 0, start - self.size)
        self.size = start + length
        return start

    cdef void finish(self):
        PyByteArray_Resize(self.octets, self.size)


cdef inline void _w16(uint8_t *at, uint32_t value) noexcept:
    at[0], at[1] = value & 0xFF, value >> 8 & 0xFF


cdef inline void _n16(uint8_t *at, uint32_t value) noexcept:
    at[0], at[1] = value >> 8 & 0xFF, value & 0xFF


cdef inline uint32_t _r32(const uint8_t *at) noexcept:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline void _w32(uint8_t *at, uint32_t value) noexcept:
    memcpy(at, &value, 4)


def emit(octets, Bulk bulk, dict wildcards, refs):
    """Append an entry with its blocks for every name of ``bulk`` that is not occluded.

    ``wildcards`` maps a name to the ref of the entry of the wildcard below it. Appends the
    entries' refs to ``refs`` (an array of type I). Returns the most labels that a name has.
    """
    cdef _Output out = _Output(octets)
    cdef uint32_t index, wildcard
    cdef int labels, deepest = 0
    cdef Node *node
    cdef const uint8_t *name
    cdef uint32_t[::1] found = array("I", bytes(4 * len(bulk)))
    cdef uint64_t count = 0
    for index in range(1, bulk.nodes_used):
        node = &bulk.nodes[index]
        if node.first == 0 or node.occluded:
            continue
        name = bulk.octets + node.name
        wildcard = 0
        if wildcards:
            wildcard = wildcards.get(bulk._name(index), 0)
        found[count] = _entry(out, bulk, node, wildcard)
        count += 1
        labels = 0
        while name[0]:
            labels += 1
            name += 1 + name[0]
        deepest = max(deepest, labels)
    out.finish()
    refs.frombytes(memoryview(found)[:count].cast("B"))
    return deepest


cdef uint32_t _entry(_Output out, Bulk bulk, Node *node, uint32_t wildcard) except 0:
    cdef uint32_t order[MAX_TYPES]
    cdef uint32_t blocks[MAX_TYPES]
    cdef int types = 0, i
    cdef uint64_t at
    cdef uint8_t *p
    order[0], order[1], order[2] = TYPE_A, TYPE_AAAA, TYPE_TXT
    for i in range(MAX_TYPES):
        at = _block(out, bulk, node, order[i])
        if at:
            order[types] = order[i]
            blocks[types] = <uint32_t>(at // ALIGN)
            types += 1
    at = out.take(ENTRY_SIZE + 8 * types + 2 * (types + (types & 1)) + node.length)
    if at >= <uint64_t>ALIGN << 32:
        raise OverflowError
    p = out.at + at
    memset(p, 0, ENTRY_SIZE + 8)
    p[0] = node.length
    _w16(p + 2, types)
    _w32(p + 4, wildcard)
    p += ENTRY_SIZE
    for i in range(types):
        _w16(p + 2 * i, order[i])
    if types & 1:
        _w16(p + 2 * types, 0)
    p += 2 * (types + (types & 1))
    for i in range(types):
        _w32(p + 4 * i, blocks[i])
        _w32(p + 4 * (types + i), blocks[i])
    memcpy(p + 8 * types, bulk.octets + node.name, node.length)
    return <uint32_t>(at // ALIGN)


cdef uint64_t _block(_Output out, Bulk bulk, Node *node, uint32_t rtype) except? 0:
    """Append the block for ``rtype`` and return its offset; 0 when the name has none."""
    cdef uint32_t at, count = 0, length = 0
    cdef Record *record
    cdef uint64_t start
    cdef uint8_t *p
    at = node.first
    while at:
        record = &bulk.records[at]
        if record.rtype == rtype:
            count += 1
            length += 12 + record.length
        at = record.next
    if count == 0:
        return 0
    start = out.take(BLOCK_SIZE + length)
    p = out.at + start
    memset(p, 0, BLOCK_SIZE)
    _w16(p + 2, count)
    _w16(p + 8, length)
    _w16(p + 10, length)
    p[15] = 1
    p += BLOCK_SIZE
    at = node.first
    while at:
        record = &bulk.records[at]
        if record.rtype == rtype:
            p[0], p[1] = 0xC0, 0x0C
            _n16(p + 2, rtype)
            _n16(p + 4, 1)
            _n16(p + 6, record.ttl >> 16)
            _n16(p + 8, record.ttl & 0xFFFF)
            _n16(p + 10, record.length)
            memcpy(p + 12, bulk.octets + record.rdata, record.length)
            p += 12 + record.length
        at = record.next
    return start


def fill(octets, uint64_t start, uint32_t mask, refs, bytes key not None):
    """Fill the hash table at ``start`` with the entries at ``refs``.

    Returns False, and stops, when an entry would be further from its place than MAX_PROBES.
    """
    cdef const uint32_t[::1] entries = refs
    cdef uint8_t *image = <uint8_t *>PyByteArray_AS_STRING(octets)
    cdef const uint8_t *secret = <const uint8_t *>PyBytes_AS_STRING(key)
    cdef uint8_t *table = image + start
    cdef const uint8_t *entry
    cdef uint32_t digest, place
    cdef int64_t i
    cdef int types, probes
    if PyBytes_GET_SIZE(key) != 16 or start + 8 * (<uint64_t>mask + 1) > <uint64_t>len(octets):
        raise ValueError
    memset(table, 0, 8 * (<uint64_t>mask + 1))
    for i in range(entries.shape[0]):
        entry = image + ALIGN * <uint64_t>entries[i]
        types = entry[2] | entry[3] << 8
        digest = <uint32_t>siphash13(
            secret, entry + ENTRY_SIZE + 8 * types + 2 * (types + (types & 1)), entry[0]
        )
        place = digest & mask
        probes = 1
        while _r32(table + 8 * <uint64_t>place + 4):
            if probes == MAX_PROBES:
                return False
            probes += 1
            place = (place + 1) & mask
        _w32(table + 8 * <uint64_t>place, digest)
        _w32(table + 8 * <uint64_t>place + 4, entries[i])
    return True
