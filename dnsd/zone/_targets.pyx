# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Whether something is odd about where records lead: the native twin of ``check_targets``."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from dnsd.zone._table cimport Table
from dnsd.zone._tokens cimport fold
from dnsd.zone._tree cimport AT_CUT, CUT, EXISTS, REDIRECT, Data, Set

cdef enum:
    TYPE_A = 1
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_PTR = 12
    TYPE_MX = 15
    TYPE_AAAA = 28
    TYPE_SRV = 33
    TYPE_DNAME = 39
    TYPE_SVCB = 64
    TYPE_HTTPS = 65
    MOST_LINKS = 16


cdef class Finder:
    """Finds what names of a table have, as a query would."""

    def __cinit__(self, Table table):
        self.table = table
        self.apex, self.apex_length = table.nodes[1].name, table.nodes[1].length
        self.is_reverse = table.apex.endswith(b"\x04arpa\x00")

    cdef bint is_repeated(self, const uint8_t *name, int length) noexcept:
        """Whether ``name`` ends with the zone's name twice."""
        cdef int once = self.apex_length
        return length >= 2 * once - 1 and memcmp(name + length - once, self.apex, once) == 0 and (
            memcmp(name + length - 2 * once + 1, self.apex, once - 1) == 0
        )

    cdef bint is_odd(self, uint32_t node, bint has_repeated) noexcept:
        """Whether a record of ``node``, which is not occluded, leads where it should not."""
        cdef uint32_t at = self.table.nodes[node].first, i
        cdef bint is_cut = self.table.nodes[node].flags & CUT != 0
        cdef uint8_t name[256]
        cdef Set *own
        cdef Data *rdata
        cdef int start, length
        while at:
            own = &self.table.sets[at]
            at = own.next
            start = target_at(own.rtype)
            if start < 0 or (is_cut and own.rtype != TYPE_NS):
                continue
            for i in range(own.count):
                rdata = &self.table.datas[own.first + i]
                length = name_length(rdata.at + start)
                if length == 1:
                    continue
                fold(name, rdata.at + start, length)
                if self._is_mistyped(own.rtype, name, length, has_repeated):
                    return True
                if self._is_odd_target(node, own.rtype, name, length):
                    return True
        return False

    cdef bint _is_mistyped(
        self, int rtype, const uint8_t *name, int length, bint has_repeated
    ) noexcept:
        cdef int at = 0, labels = 0, i
        if has_repeated and self.is_repeated(name, length):
            return True
        if rtype == TYPE_PTR and self.is_reverse and self._is_inside(name, length):
            return True
        if rtype != TYPE_NS and rtype != TYPE_MX:
            return False
        while name[at] and labels < 4:
            for i in range(name[at]):
                if not 48 <= name[at + 1 + i] <= 57:
                    return False
            labels += 1
            at += 1 + name[at]
        return labels == 4

    cdef bint _is_odd_target(self, uint32_t node, int rtype, const uint8_t *name, int length) noexcept:
        cdef int own = self.table.nodes[node].length
        cdef uint32_t found
        if rtype == TYPE_NS and self.table.nodes[node].flags & CUT and is_below(
            name, length, self.table.nodes[node].name, own
        ):
            found = self.table.find(name, length)
            return found == 0 or not self._has_address(found)
        if rtype == TYPE_CNAME:
            return self._ends_oddly(name, length)
        if rtype not in (TYPE_NS, TYPE_MX, TYPE_SRV):
            return False
        if not self._knows(name, length, &found):
            # where a DNAME is above, there is something to say
            return self._is_inside(name, length) and not self._is_cut_off(name, length)
        return found == 0 or not self._has_address(found) or (
            self.table.has(found, TYPE_CNAME) != 0 or self._is_below_dname(found)
        )

    cdef bint _has_address(self, uint32_t node) noexcept:
        return self.table.has(node, TYPE_A) != 0 or self.table.has(node, TYPE_AAAA) != 0

    cdef bint _ends_oddly(self, const uint8_t *name, int length) noexcept:
        """Whether an alias to ``name`` leads to nothing, or to too many others."""
        cdef uint8_t next_name[256]
        cdef uint32_t found, alias, links
        cdef Data *rdata
        for links in range(1, MOST_LINKS + 1):
            if not self._knows(name, length, &found):
                return False
            if found == 0 or self.table.nodes[found].first == 0:
                return True
            alias = self.table.has(found, TYPE_CNAME)
            if alias == 0:
                return False
            rdata = &self.table.datas[self.table.sets[alias].first]
            length = rdata.length
            fold(next_name, rdata.at, length)
            name = next_name
        return True

    cdef bint _knows(self, const uint8_t *name, int length, uint32_t *found) noexcept:
        """Find the node of ``name``, or of the wildcard that it has, 0 if it has none.

        False when the zone cannot know: outside of it, at or below a cut, below a DNAME.
        """
        cdef uint32_t node, above
        cdef uint8_t wildcard[258]
        found[0] = 0
        if not self._is_inside(name, length):
            return False
        node = self._closest(name, length)
        if self.table.nodes[node].flags & AT_CUT:
            return False
        if self.table.nodes[node].length == length and self.table.nodes[node].flags & EXISTS:
            found[0] = node
            return True
        while not self.table.nodes[node].flags & EXISTS:
            node = self.table.nodes[node].parent
        above = node
        while above:
            if self.table.nodes[above].flags & REDIRECT:
                return False
            above = self.table.nodes[above].parent
        wildcard[0], wildcard[1] = 1, 42
        memcpy(wildcard + 2, self.table.nodes[node].name, self.table.nodes[node].length)
        found[0] = self.table.find(wildcard, 2 + self.table.nodes[node].length)
        return True

    cdef uint32_t _closest(self, const uint8_t *name, int length) noexcept:
        """Return the node of ``name``, which is in the zone, or of the nearest name above it."""
        cdef uint32_t node = self.table.find(name, length)
        while node == 0:
            length -= 1 + name[0]
            name += 1 + name[0]
            node = self.table.find(name, length)
        return node

    cdef bint _is_cut_off(self, const uint8_t *name, int length) noexcept:
        return self.table.nodes[self._closest(name, length)].flags & AT_CUT != 0

    cdef bint _is_below_dname(self, uint32_t node) noexcept:
        node = self.table.nodes[node].parent
        while node and not self.table.nodes[node].flags & REDIRECT:
            node = self.table.nodes[node].parent
        return node != 0

    cdef bint _is_inside(self, const uint8_t *name, int length) noexcept:
        return is_below(name, length, self.apex, self.apex_length)


cdef bint is_below(const uint8_t *name, int length, const uint8_t *above, int rest) noexcept:
    """Whether a name is another one or below it."""
    cdef int at = 0, start = length - rest
    if start < 0 or memcmp(name + start, above, rest) != 0:
        return False
    while at < start:
        at += 1 + name[at]
    return at == start


cdef int name_length(const uint8_t *name) noexcept:
    cdef int at = 0
    while name[at]:
        at += 1 + name[at]
    return at + 1


cdef int target_at(int rtype) noexcept:
    """Return where the name stands that a record leads to, -1 if it leads to none."""
    if rtype in (TYPE_NS, TYPE_CNAME, TYPE_PTR, TYPE_DNAME):
        return 0
    if rtype in (TYPE_MX, TYPE_SVCB, TYPE_HTTPS):
        return 2
    return 6 if rtype == TYPE_SRV else -1


cdef bint is_host(const uint8_t *name) noexcept:
    """Whether all labels are those of a host (RFC 1123 §2.1); see ``check_hosts``."""
    cdef int i
    while name[0]:
        if name[1] == 45 or name[name[0]] == 45:
            return False
        for i in range(1, name[0] + 1):
            if not (97 <= name[i] | 32 <= 122 or 48 <= name[i] <= 57 or name[i] == 45):
                return False
        name += name[0] + 1
    return True


cdef bint may_have_address(const uint8_t *name) noexcept:
    """Whether a name may have addresses: of a host, a wildcard for some, or below a service."""
    cdef const uint8_t *at = name
    while at[0]:
        if at[1] == 95:
            return True
        at += at[0] + 1
    return is_host(name + 2 if name[0] == 1 and name[1] == 42 else name)
