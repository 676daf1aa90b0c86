# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Whether the denial chains of a table are whole, without sorting: each record leads to a next one."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from dnsd.zone._table cimport Table
from dnsd.zone._tokens cimport fold
from dnsd.zone._tree cimport HASHED, OCCLUDED, OWNER, Data, Node

cdef enum:
    TYPE_NSEC = 47
    TYPE_NSEC3 = 50
    TYPE_NSEC3PARAM = 51
    HASH_SIZE = 20
    HASH_DIGITS = 32


cdef bint is_nsec_sound(Table table) noexcept:
    """Whether all names that need an NSEC have one, and those lead from each to the next."""
    cdef uint32_t node, count = 0, found = 1
    for node in range(1, table.nodes_used):
        if _is_in_chain(&table.nodes[node]):
            if table.has(node, TYPE_NSEC) == 0:
                return False
            count += 1
    # as many steps as there are names, each of them upwards, have met them all
    while count:
        node = found
        found = _next(table, node)
        count -= 1
        if found == 0 or (count and not _is_before(&table.nodes[node], &table.nodes[found])):
            return False
    return found == 1


cdef inline bint _is_in_chain(const Node *node) noexcept:
    return node.flags & OWNER and not node.flags & (OCCLUDED | HASHED)


cdef uint32_t _next(Table table, uint32_t node) noexcept:
    """Return the node that the NSEC of ``node`` leads to, 0 if it is none of the chain."""
    cdef uint8_t name[256]
    cdef const uint8_t *rdata = table.datas[table.sets[table.has(node, TYPE_NSEC)].first].at
    cdef int length = 0
    cdef uint32_t found
    while rdata[length]:
        length += 1 + rdata[length]
    length += 1
    fold(name, rdata, length)
    found = table.find(name, length)
    return found if found and _is_in_chain(&table.nodes[found]) else 0


cdef bint _is_before(const Node *one, const Node *other) noexcept:
    """Whether a name comes before another one in canonical order (RFC 4034 §6.1)."""
    cdef int starts[2][128]
    cdef int labels[2]
    cdef const uint8_t *names[2]
    cdef const uint8_t *a
    cdef const uint8_t *b
    cdef int which, at, order
    names[0], names[1] = one.name, other.name
    for which in range(2):
        labels[which] = at = 0
        while names[which][at]:
            starts[which][labels[which]] = at
            labels[which] += 1
            at += 1 + names[which][at]
    while labels[0] and labels[1]:
        labels[0] -= 1
        labels[1] -= 1
        a = names[0] + starts[0][labels[0]]
        b = names[1] + starts[1][labels[1]]
        order = memcmp(a + 1, b + 1, a[0] if a[0] < b[0] else b[0])
        if order or a[0] != b[0]:
            return order < 0 or (order == 0 and a[0] < b[0])
    return labels[0] == 0 and labels[1] > 0


cdef bint is_nsec3_sound(Table table) noexcept:
    """Whether each NSEC3 record leads to another one, and has the parameters of an NSEC3PARAM."""
    cdef uint32_t node, at, i
    for node in range(1, table.nodes_used):
        at = table.has(node, TYPE_NSEC3)
        for i in range(table.sets[at].count if at else 0):
            if not _leads_on(table, &table.datas[table.sets[at].first + i]):
                return False
    return True


cdef bint _leads_on(Table table, const Data *rdata) noexcept:
    cdef uint8_t name[256]
    cdef int salt = rdata.at[4], apex = table.nodes[1].length
    cdef const uint8_t *hashed = rdata.at + 5 + salt + 1
    cdef uint32_t found
    if hashed[-1] != HASH_SIZE or 1 + HASH_DIGITS + apex > 255 or not _is_known(table, rdata):
        return False
    name[0] = HASH_DIGITS
    _base32hex(hashed, name + 1)
    memcpy(name + 1 + HASH_DIGITS, table.nodes[1].name, apex)
    found = table.find(name, 1 + HASH_DIGITS + apex)
    return found != 0 and table.has(found, TYPE_NSEC3) != 0


cdef bint _is_known(Table table, const Data *rdata) noexcept:
    """Whether the apex has an NSEC3PARAM record with the parameters of this NSEC3."""
    cdef uint32_t at = table.has(1, TYPE_NSEC3PARAM), i
    cdef const Data *announced
    cdef uint32_t octets = 3 + rdata.at[4]
    for i in range(table.sets[at].count if at else 0):
        announced = &table.datas[table.sets[at].first + i]
        if announced.at[0] == rdata.at[0] and announced.at[4] == rdata.at[4] and memcmp(
            announced.at + 2, rdata.at + 2, octets
        ) == 0:
            return True
    return False


cdef void _base32hex(const uint8_t *octets, uint8_t *out) noexcept:
    """Write the digits of a hash (RFC 4648 §7), in lower case."""
    cdef uint32_t bits = 0
    cdef int have = 0, i, value
    for i in range(HASH_SIZE):
        bits = bits << 8 | octets[i]
        have += 8
        while have >= 5:
            have -= 5
            value = bits >> have & 31
            out[0] = 48 + value if value < 10 else 87 + value
            out += 1
