from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from dnsd.compile._denial cimport Chain
from dnsd.compile._writer cimport Item, Sections, Writer
from dnsd.zone._tree cimport Node, Tree


cdef class Parts:
    cdef Tree tree
    cdef Chain chain
    cdef Writer writer
    cdef bint has_signatures
    cdef Sections sections, piece_sections
    cdef uint32_t soa, soa_ttl
    cdef uint32_t soa_refs[2]

    cdef uint32_t piece(self, Item item) except 0
    cdef uint32_t soa_piece(self, bint is_short) except 0
    cdef uint32_t proof_piece(self, uint32_t rrset) except 0
    cdef int _room(self) noexcept
    cdef Item _item(self, uint32_t rrset, const uint8_t *owner) noexcept
    cdef int _add(self, int part, uint32_t rrset, const uint8_t *owner) except -1
    cdef int _prove(self) except -1
    cdef int _deny(self) except -1
    cdef int _add_found(self, uint32_t source, const uint8_t *owner, int rtype) except -1
    cdef int _refer(self, uint32_t cut) except -1
    cdef int _add_additional(self, uint32_t rrset) except -1
    cdef int _add_addresses(self, int part, const uint8_t *name, int length) except -1
    cdef int _add_known(self, int part, uint32_t node, int rtype) except -1
    cdef void _see(self, int part) noexcept


cdef inline bint is_wildcard(const uint8_t *name) noexcept:
    return name[0] == 1 and name[1] == 42


cdef inline int fold(const uint8_t *name, uint8_t *out) noexcept:
    """Write ``name`` in lower case, and return its length."""
    cdef int at = 0, end = 0
    while name[end]:
        end += 1 + name[end]
    for at in range(end + 1):
        out[at] = name[at] + 32 if 65 <= name[at] <= 90 else name[at]
    return end + 1


cdef inline bint is_subdomain(const uint8_t *name, int length, const Node *above) noexcept:
    """Tell whether the lower-case ``name`` is that of ``above`` or below it."""
    cdef int at = 0, start = length - above.length
    if start < 0 or memcmp(name + start, above.name, above.length) != 0:
        return False
    while at < start:
        at += 1 + name[at]
    return at == start
