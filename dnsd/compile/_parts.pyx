# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What answers are made of: RRsets with their signatures, referrals, additional data, proofs."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from dnsd.compile._denial cimport Chain
from dnsd.compile._writer cimport ANSWER, AUTHORITY, GLUE, OPTIONAL, Item, Sections, Writer
from dnsd.image.layout cimport NO_DENIAL, SIGNED as FLAG_SIGNED
from dnsd.image.selection cimport DENIAL_TTL
from dnsd.zone._tree cimport AT_CUT, CUT, OCCLUDED, Data, Set, Tree

cdef enum:
    TYPE_A = 1
    TYPE_NS = 2
    TYPE_SOA = 6
    TYPE_MX = 15
    TYPE_AAAA = 28
    TYPE_SRV = 33
    TYPE_DS = 43
    TYPE_SVCB = 64
    TYPE_HTTPS = 65


cdef class Parts:
    """Parts of the answers of ``tree``, put into ``sections``, with the signatures and proofs given."""

    def __cinit__(self, Tree tree, Chain chain, Writer writer, bint has_signatures):
        cdef const Data *rdata
        cdef uint32_t minimum
        self.tree, self.chain, self.writer = tree, chain, writer
        self.has_signatures = has_signatures
        self.sections = Sections()
        self.piece_sections = Sections()
        self.soa = tree.has(1, TYPE_SOA)
        rdata = &tree.datas[tree.sets[self.soa].first]
        minimum = int.from_bytes(rdata.at[rdata.length - 4 : rdata.length], "big")
        self.soa_ttl = min(tree.sets[self.soa].ttl, minimum)

    cdef int _room(self) noexcept:
        """Return how many octets of pieces may come behind the sections."""
        cdef int listed = 0, i, bits, plain = 0, expanded = 0
        for i in range(self.sections.pieces_used):
            listed += self.writer.length_of(self.sections.pieces[i])
        for i in range(4):
            bits = 1 << i
            plain += self.sections.proof & bits != 0
            expanded += self.sections.proof_expanded & bits != 0
        return listed + max(plain, expanded) * self.writer.longest_proof

    cdef Item _item(self, uint32_t rrset, const uint8_t *owner) noexcept:
        cdef Item item
        item.set, item.owner, item.ttl = rrset, owner, self.tree.sets[rrset].ttl
        item.signatures = 0
        if self.has_signatures and not (
            self.tree.nodes[self.tree.sets[rrset].node].flags & OCCLUDED
        ):
            item.signatures = self.tree.sets[rrset].signatures
        return item

    cdef int _add(self, int part, uint32_t rrset, const uint8_t *owner) except -1:
        return self.sections.add(part, self._item(rrset, owner))

    cdef uint32_t piece(self, Item item) except 0:
        """Return the ref of the piece of an authority section that holds ``item``."""
        cdef uint8_t base[258]
        cdef int length = self.tree.nodes[1].length
        self.piece_sections.clear()
        self.piece_sections.flags = 0
        self.piece_sections.add(AUTHORITY, item)
        base[0], base[1] = 1, 42
        memcpy(base + 2, self.tree.nodes[1].name, length)
        return self.writer.block(base, 2 + length, self.piece_sections, 0)

    cdef uint32_t soa_piece(self, bint is_short) except 0:
        """Return the ref of the SOA's piece; of the one that says what soon changes, if short."""
        cdef Item item
        if self.soa_refs[is_short] == 0:
            item = self._item(self.soa, self.tree.sets[self.soa].owner)
            item.ttl = min(self.soa_ttl, DENIAL_TTL) if is_short else self.soa_ttl
            self.soa_refs[is_short] = self.piece(item)
        return self.soa_refs[is_short]

    cdef uint32_t proof_piece(self, uint32_t rrset) except 0:
        """Return the ref of the piece that carries the denial record ``rrset``."""
        cdef uint32_t ref = self.tree.sets[rrset].piece
        if ref == 0:
            ref = self.piece(self._item(rrset, self.tree.sets[rrset].owner))
            self.tree.sets[rrset].piece = ref
        return ref

    cdef int _prove(self) except -1:
        """Add what the chain has left as proofs."""
        cdef uint32_t ref
        cdef int i, at
        for i in range(self.chain.proofs_used):
            ref = self.proof_piece(self.chain.proofs[i])
            at = 0
            while at < self.sections.pieces_used and self.sections.pieces[at] != ref:
                at += 1
            if at == self.sections.pieces_used:
                self.sections.add_piece(ref)
        return 0

    cdef int _deny(self) except -1:
        """Put the SOA before all pieces and the proofs behind them: a negative answer."""
        cdef uint32_t soa = self.soa_piece(False)
        cdef int i
        self.sections.add_piece(soa)
        for i in range(self.sections.pieces_used - 1, 0, -1):
            self.sections.pieces[i] = self.sections.pieces[i - 1]
        self.sections.pieces[0] = soa
        return self._prove()

    cdef int _add_found(self, uint32_t source, const uint8_t *owner, int rtype) except -1:
        cdef uint32_t rrset = self.tree.has(source, rtype)
        if self.tree.sets[rrset].pool:
            self.sections.pool = self.tree.sets[rrset].pool
            self.sections.pool_owner = owner
            if self.chain.kind != NO_DENIAL:
                self.sections.flags |= FLAG_SIGNED
            return 0
        self._add(ANSWER, rrset, owner)
        if rtype in (TYPE_NS, TYPE_MX, TYPE_SRV, TYPE_SVCB, TYPE_HTTPS):
            self._add_additional(rrset)
        return 0

    cdef int _refer(self, uint32_t cut) except -1:
        """Refer to the zone at ``cut`` (RFC 1034 §4.3.2 step 3b, RFC 4035 §3.1.4)."""
        cdef uint32_t ns = self.tree.has(cut, TYPE_NS), secure = self.tree.has(cut, TYPE_DS)
        cdef Item item = self._item(ns, self.tree.sets[ns].owner)
        cdef Set *rrset
        cdef const uint8_t *target
        cdef uint8_t lower[256]
        cdef int i, j, length
        cdef bint is_below
        item.signatures = 0
        self.sections.add(AUTHORITY, item)
        if self.chain.kind != NO_DENIAL:
            if secure:
                self._add(AUTHORITY, secure, self.tree.sets[secure].owner)
            else:
                self.chain.nodata(cut)
                for i in range(self.chain.proofs_used):
                    j = 0
                    while self.chain.proofs[j] != self.chain.proofs[i]:
                        j += 1
                    if i == j:
                        secure = self.chain.proofs[i]
                        self._add(AUTHORITY, secure, self.tree.sets[secure].owner)
        self.tree.stamp += 1
        for i in range(self.tree.sets[ns].count):
            rrset = &self.tree.sets[ns]
            length = fold(self.tree.datas[rrset.first + i].at, lower)
            is_below = is_subdomain(lower, length, &self.tree.nodes[cut])
            self._add_addresses(GLUE if is_below else OPTIONAL, lower, length)
        return 0

    cdef int _add_additional(self, uint32_t rrset) except -1:
        cdef Set *own = &self.tree.sets[rrset]
        cdef const uint8_t *rdata
        cdef const uint8_t *target
        cdef uint8_t lower[256]
        cdef uint32_t node, i
        cdef int length, rtype = own.rtype
        self.tree.stamp += 1
        self._see(ANSWER)
        self._see(AUTHORITY)
        for i in range(own.count):
            rdata = self.tree.datas[own.first + i].at
            target = rdata + (0 if rtype == TYPE_NS else 6 if rtype == TYPE_SRV else 2)
            if rtype == TYPE_SVCB or rtype == TYPE_HTTPS:
                if rdata[0] == 0 and rdata[1] == 0:
                    length = fold(target, lower)
                    node = self.tree.find(lower, length)
                    if node:
                        self._add_known(OPTIONAL, node, rtype)
                elif target[0] == 0 and not is_wildcard(own.owner):
                    target = own.owner
            length = fold(target, lower)
            self._add_addresses(OPTIONAL, lower, length)
        return 0

    cdef int _add_addresses(self, int part, const uint8_t *name, int length) except -1:
        cdef uint32_t node
        if not is_subdomain(name, length, &self.tree.nodes[1]):
            return 0  # most targets of a delegation: no need to look
        node = self.tree.find(name, length)
        if node:
            self._add_known(part, node, TYPE_A)
            self._add_known(part, node, TYPE_AAAA)
        return 0

    cdef int _add_known(self, int part, uint32_t node, int rtype) except -1:
        """Add the RRset as additional data, unless it isn't there or was seen already.

        A pool never is: no client relies on additional data that it can ask for (RFC 2181 §5.4.1),
        so it is only answered where it is chosen for the query.
        """
        cdef uint32_t rrset = self.tree.of_type(node, rtype)
        cdef int flags = self.tree.nodes[node].flags
        cdef bint is_address = rtype == TYPE_A or rtype == TYPE_AAAA
        cdef Item item
        if rrset == 0 or self.tree.sets[rrset].pool or self.tree.sets[rrset].seen == self.tree.stamp:
            return 0
        if flags & OCCLUDED and not (is_address and flags & AT_CUT):
            return 0
        self.tree.sets[rrset].seen = self.tree.stamp
        if flags & CUT and not is_address:
            return 0
        item = self._item(rrset, self.tree.sets[rrset].owner)
        if flags & CUT:
            item.signatures = 0
        return self.sections.add(part, item)

    cdef void _see(self, int part) noexcept:
        """Note what stands in a section: it is no additional data any more."""
        cdef uint8_t lower[256]
        cdef uint32_t i, node, rrset
        cdef Item *item
        cdef int length
        for i in range(self.sections.used[part]):
            item = &self.sections.items[part][i]
            if item.owner == NULL:
                continue
            length = fold(item.owner, lower)
            node = self.tree.find(lower, length)
            rrset = self.tree.has(node, self.tree.sets[item.set].rtype) if node else 0
            if rrset:
                self.tree.sets[rrset].seen = self.tree.stamp
