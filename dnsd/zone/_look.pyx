# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Which names of a table checks have to look at: where there is nothing to say, nothing is made.

For each check of :mod:`dnsd.zone.check` this is the condition alone, a little wider where that is
simpler; what there is to say is found once more by Python, at these names only.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.zone._chains cimport is_nsec3_sound, is_nsec_sound
from dnsd.zone._table cimport Table
from dnsd.zone._targets cimport Finder, is_host, may_have_address, target_at
from dnsd.zone._tree cimport AT_CUT, CUT, HASHED, OCCLUDED, OWNER, Data, Node, Set

from dnsd.zone import suspects as kinds

cdef enum:
    TYPE_A = 1
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_MX = 15
    TYPE_SRV = 33
    TYPE_SIG = 24
    TYPE_KEY = 25
    TYPE_AAAA = 28
    TYPE_NXT = 30
    TYPE_DNAME = 39
    TYPE_DS = 43
    TYPE_RRSIG = 46
    TYPE_NSEC = 47
    TYPE_DNSKEY = 48
    TYPE_NSEC3 = 50
    TYPE_SVCB = 64
    TYPE_HTTPS = 65
    MOST_OCTETS = 65535 - 27  # of records and the owner of an RRset in a message
    PER_RECORD = 12

cdef enum:
    SIZE = 1
    BESIDE = 2
    WILDCARD = 4
    REPEATED = 8
    HIDDEN = 16
    DELEGATION = 32
    SERVICE = 64
    TARGET = 128
    LONE_DS = 256
    SIGNATURE = 512
    PARAMETER = 1024
    UNSIGNED = 2048
    LONG = 4096
    HOST = 8192

assert [kind.value for kind in kinds.Suspicion] == [
    SIZE, BESIDE, WILDCARD, REPEATED, HIDDEN, DELEGATION, SERVICE, TARGET, LONE_DS, SIGNATURE,
    PARAMETER, UNSIGNED, LONG, HOST,
]


cdef class Look:
    """A look at all names of ``table``.

    ``now`` is what signatures are judged by (None: they are not), ``longest`` the largest TTL.
    ``is_harmless`` tells whether there is nothing to say of the algorithm, the iterations and the
    octets of salt of an NSEC3 record.
    """

    cdef Table table
    cdef Finder finder
    cdef uint16_t *marks      # of each node
    cdef int seen             # all marks that there are
    cdef int64_t now, longest
    cdef bint is_signed, has_repeated
    cdef object is_harmless
    cdef uint8_t harmless[4]  # algorithm, iterations and salt that were asked about last
    cdef bint has_harmless

    def __cinit__(self, Table table, now, int64_t longest, is_harmless):
        cdef uint32_t node
        self.table, self.longest, self.is_harmless = table, longest, is_harmless
        self.now = -1 if now is None else int(now)
        self.finder = Finder(table)
        self.marks = <uint16_t *>calloc(table.nodes_used, sizeof(uint16_t))
        if self.marks == NULL:
            raise MemoryError
        self.is_signed = table.has(1, TYPE_DNSKEY) != 0
        self.has_repeated = table.nodes[1].labels > 1
        for node in range(1, table.nodes_used):
            if table.nodes[node].flags & OWNER:
                self.marks[node] = self._of_records(node)
            if table.nodes[node].signatures and self._has_odd_signature(node):
                self.marks[node] |= SIGNATURE
            self.seen |= self.marks[node]

    def __dealloc__(self):
        free(self.marks)

    def names(self, int kind):
        """Yield the names whose records have to be looked at, in the order of the first ones."""
        cdef uint32_t at
        if self.seen & kind:
            for at in range(1, self.table.sets_used):
                if self._opens(at, kind) and self.table.sets[at].rtype != TYPE_RRSIG:
                    yield self.table.name_of(self.table.sets[at].node)

    def signed_names(self):
        """Yield the names whose signatures have to be looked at, in the order of the first ones."""
        cdef uint32_t at
        if self.seen & SIGNATURE:
            for at in range(1, self.table.sets_used):
                if self._opens(at, SIGNATURE) and self.table.sets[at].rtype == TYPE_RRSIG:
                    yield self.table.name_of(self.table.sets[at].node)

    cdef bint _opens(self, uint32_t at, int kind) noexcept:
        """Whether the set ``at`` is the first of a name that has to be looked at."""
        return self.table.sets[at].opens and self.marks[self.table.sets[at].node] & kind

    def is_nsec_sound(self):
        """Tell whether the NSEC records lead from each name to the next one."""
        return is_nsec_sound(self.table)

    def has_nsec3(self):
        """Tell whether there are NSEC3 records."""
        cdef uint32_t at
        for at in range(1, self.table.sets_used):
            if self.table.sets[at].rtype == TYPE_NSEC3:
                return True
        return False

    def is_nsec3_sound(self):
        """Tell whether the NSEC3 records, if any, lead to each other, by parameters of the apex."""
        return is_nsec3_sound(self.table)

    # -- one name -----------------------------------------------------------------------------

    cdef int _of_records(self, uint32_t node) except -1:
        """Return what has to be looked at of a name with records."""
        cdef Node *its = &self.table.nodes[node]
        cdef uint32_t at = its.first
        cdef Set *own
        cdef int found = 0, rtype
        cdef bint has_cname = False, has_other = False, has_ns = False, has_dname = False
        while at:
            own = &self.table.sets[at]
            rtype = own.rtype
            found |= self._of_set(node, own)
            has_ns = has_ns or rtype == TYPE_NS
            has_cname = has_cname or rtype == TYPE_CNAME
            has_dname = has_dname or rtype == TYPE_DNAME
            has_other = has_other or rtype not in (
                TYPE_CNAME, TYPE_NSEC, TYPE_SIG, TYPE_KEY, TYPE_NXT
            )
            at = own.next
        if (has_cname and has_other) or (has_dname and has_ns and its.parent):
            found |= BESIDE
        if (has_ns or has_dname) and its.name[0] == 1 and its.name[1] == 42:
            found |= WILDCARD
        if self.has_repeated and self.finder.is_repeated(its.name, its.length):
            found |= REPEATED
        if not its.flags & OCCLUDED and self.finder.is_odd(node, self.has_repeated):
            found |= TARGET
        return found

    cdef int _of_set(self, uint32_t node, Set *own) except -1:
        """Return what has to be looked at because of one RRset."""
        cdef int flags = self.table.nodes[node].flags, rtype = own.rtype, found = 0
        cdef bint is_address = rtype == TYPE_A or rtype == TYPE_AAAA
        if self._is_misnamed(node, own):
            found |= HOST
        if own.ttl > self.longest:
            found |= LONG
        if self._is_large(node, own):
            found |= SIZE
        if flags & OCCLUDED:
            if not (is_address and flags & AT_CUT):
                found |= HIDDEN
        elif flags & CUT:
            if not is_address and rtype not in (
                TYPE_NS, TYPE_DS, TYPE_NSEC, TYPE_NSEC3, TYPE_DNAME
            ):
                found |= DELEGATION
        elif rtype == TYPE_DS:
            found |= LONE_DS
        if rtype == TYPE_SVCB or rtype == TYPE_HTTPS:
            found |= SERVICE
        if self.is_signed and not flags & OCCLUDED and (
            not flags & CUT or rtype == TYPE_DS or rtype == TYPE_NSEC
        ) and self.table.signatures_of(node, rtype) == 0:
            found |= UNSIGNED
        if rtype == TYPE_NSEC3 and self._has_odd_parameters(own):
            found |= PARAMETER
        return found

    cdef bint _is_misnamed(self, uint32_t node, Set *own) noexcept:
        """Whether the owner of addresses, or a server that is named, has no host name."""
        cdef uint32_t i
        cdef int rtype = own.rtype
        if rtype == TYPE_A or rtype == TYPE_AAAA:
            return not may_have_address(self.table.nodes[node].name)
        if rtype == TYPE_NS or rtype == TYPE_MX or rtype == TYPE_SRV:
            for i in range(own.count):
                if not is_host(self.table.datas[own.first + i].at + target_at(rtype)):
                    return True
        return False

    cdef bint _is_large(self, uint32_t node, Set *own) noexcept:
        cdef uint32_t i, octets = self.table.nodes[node].length
        for i in range(own.count):
            octets += PER_RECORD + self.table.datas[own.first + i].length
        return octets > MOST_OCTETS

    cdef bint _has_odd_parameters(self, Set *own) except -1:
        cdef uint8_t asked[4]
        cdef const uint8_t *rdata
        cdef uint32_t i
        for i in range(own.count):
            rdata = self.table.datas[own.first + i].at
            asked[0] = rdata[0]
            memcpy(asked + 1, rdata + 2, 3)
            if self.has_harmless and memcmp(asked, self.harmless, 4) == 0:
                continue
            if not self.is_harmless(asked[0], asked[1] << 8 | asked[2], asked[3]):
                return True
            memcpy(self.harmless, asked, 4)
            self.has_harmless = True
        return False

    # -- signatures ---------------------------------------------------------------------------

    cdef bint _has_odd_signature(self, uint32_t node) noexcept:
        cdef uint32_t at = self.table.nodes[node].signatures, i
        cdef Set *own
        cdef bint is_current, is_ours
        while at:
            own = &self.table.sets[at]
            is_current = is_ours = False
            for i in range(own.count):
                is_current = is_current or self._is_current(&self.table.datas[own.first + i])
                is_ours = is_ours or self._is_ours(&self.table.datas[own.first + i])
            if not is_current or not is_ours or self.table.has(node, own.covers) == 0:
                return True
            at = own.next
        return False

    cdef bint _is_current(self, const Data *rdata) noexcept:
        """Whether a signature is valid now, by serial number arithmetic (RFC 4034 §3.1.5)."""
        cdef uint32_t now = <uint32_t>self.now
        cdef uint32_t left = _number(rdata.at + 8) - now, since = now - _number(rdata.at + 12)
        return self.now < 0 or (left < 0x80000000 and since < 0x80000000)

    cdef bint _is_ours(self, const Data *rdata) noexcept:
        """Whether the signer is the apex."""
        cdef const Node *apex = &self.table.nodes[1]
        cdef uint32_t i
        cdef uint8_t c
        if rdata.length < 18 + <uint32_t>apex.length:
            return False
        for i in range(apex.length):
            c = rdata.at[18 + i]
            if (c + 32 if 65 <= c <= 90 else c) != apex.name[i]:
                return False
        return True


cdef inline uint32_t _number(const uint8_t *at) noexcept:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]
