# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What each query gets, worked out from a tree: the native twin of ``answers``, step by step."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from dnsd.compile._parts cimport Parts, fold, is_subdomain, is_wildcard
from dnsd.compile._writer cimport ANSWER, Item
from dnsd.image.layout cimport COVER as PROOF_COVER, ENCLOSER as PROOF_ENCLOSER
from dnsd.image.layout cimport MATCH as PROOF_MATCH, NO_DENIAL, NSEC3_CHAIN, WILD as PROOF_WILD
from dnsd.zone._tree cimport CUT, EXISTS, REDIRECT, SPARE, Data, Node, Set

from dnsd.compile.answers import MAX_LINKS as _MAX_LINKS
from dnsd.wire.name import MAX_NAME as _MAX_NAME

cdef enum:
    TYPE_CNAME = 5
    TYPE_DNAME = 39
    TYPE_DS = 43
    TYPE_RRSIG = 46
    TYPE_NSEC = 47
    NOTHING_ASKED = 0
    RCODE_NXDOMAIN = 3
    RCODE_YXDOMAIN = 6
    MAX_LINKS = 16
    MAX_NAME = 255

assert (_MAX_LINKS, _MAX_NAME) == (MAX_LINKS, MAX_NAME)
assert MAX_LINKS + 2 <= MOST_SEEN <= SPARE

cdef uint8_t _root[1]
_root[0] = 0


cdef class Answers(Parts):
    """The answers of a tree."""

    # -- what the zone as a whole answers -----------------------------------------------------

    cdef uint32_t nodata(self) except 0:
        """The answer for a type that a name doesn't have; the entry's ``match`` proves it."""
        if self.nodata_ref == 0:
            self.sections.clear()
            self.sections.add_piece(self.soa_piece(False))
            if self.chain.kind != NO_DENIAL:
                self.sections.proof = PROOF_MATCH
                self.sections.proof_expanded = PROOF_MATCH | PROOF_COVER
                if self.chain.kind == NSEC3_CHAIN:
                    self.sections.proof_expanded |= PROOF_ENCLOSER
            self.nodata_ref = self.writer.block(_root, 1, self.sections, self._room())
        return self.nodata_ref

    cdef uint32_t nxdomain(self) except 0:
        """The answer for a name that doesn't exist, its proof put together for each query."""
        self.sections.clear()
        self.sections.add_piece(self.soa_piece(False))
        self.sections.rcode = RCODE_NXDOMAIN
        if self.chain.kind != NO_DENIAL:
            self.sections.proof = PROOF_COVER | PROOF_WILD
            if self.chain.kind == NSEC3_CHAIN:
                self.sections.proof |= PROOF_ENCLOSER
        return self.writer.block(_root, 1, self.sections, self._room())

    # -- what a name answers ------------------------------------------------------------------

    cdef int types(self, uint32_t node, uint16_t *found) except -1:
        """Write the types that ``node`` answers in its own way; the first one answers ANY."""
        cdef uint32_t at = self.tree.nodes[node].first, source
        cdef int count = 0, own, i
        cdef Place end
        if self.tree.nodes[node].flags & CUT:
            found[0] = TYPE_DS
            return 1
        while at:
            found[count] = self.tree.sets[at].rtype
            count += 1
            at = self.tree.sets[at].next
        if self.tree.has(node, TYPE_CNAME) == 0:
            return count
        for rtype in (TYPE_RRSIG, TYPE_NSEC):
            if self.tree.has(node, rtype) == 0:
                found[count] = rtype
                count += 1
        self.sections.clear()
        end = self._follow(node, NOTHING_ASKED)
        if end.kind == AT_CUT_KIND:
            found[count] = TYPE_DS
            return count + 1
        at = self.tree.nodes[end.source].first if end.source else 0
        own = count
        while at:
            i = 0
            while i < own and found[i] != self.tree.sets[at].rtype:
                i += 1
            if i == own:
                found[count] = self.tree.sets[at].rtype
                count += 1
            at = self.tree.sets[at].next
        return count

    cdef uint32_t answer(self, uint32_t node, int rtype) except 0:
        """Return the ref of the answer for one of the ``types``."""
        cdef uint32_t own = self.tree.has(node, rtype)
        cdef const uint8_t *name = self.tree.nodes[node].name
        if own == 0 and (
            self.tree.nodes[node].flags & CUT or rtype == TYPE_RRSIG or rtype == TYPE_NSEC
        ):
            return self._unproved_nodata(node)
        self.sections.clear()
        if self.chain.kind != NO_DENIAL and is_wildcard(name):
            self.sections.proof_expanded = PROOF_COVER
        if own:
            self._add_found(node, NULL if is_wildcard(name) else name, rtype)
        else:
            self._follow(node, rtype)
        return self._block(node)

    cdef uint32_t default(self, uint32_t node) except? 0:
        """Return the ref of the answer for all other types; 0 when it is the zone's NODATA."""
        cdef uint8_t base[258]
        cdef int length = self.tree.nodes[node].length
        self.sections.clear()
        if self.tree.nodes[node].flags & CUT:
            self.sections.flags = 0
            self._refer(node)
            base[0], base[1] = 1, 42
            memcpy(base + 2, self.tree.nodes[node].name, length)
            return self.writer.block(base, 2 + length, self.sections, self._room())
        if self.tree.has(node, TYPE_CNAME):
            if self.chain.kind != NO_DENIAL and is_wildcard(self.tree.nodes[node].name):
                self.sections.proof_expanded = PROOF_COVER
            self._follow(node, NOTHING_ASKED)
            return self._block(node)
        return 0 if self._proves_nodata(node) else self._unproved_nodata(node)

    cdef uint32_t _block(self, uint32_t node) except 0:
        return self.writer.block(
            self.tree.nodes[node].name, self.tree.nodes[node].length, self.sections, self._room()
        )

    cdef bint _proves_nodata(self, uint32_t node) noexcept:
        """Whether the zone's NODATA does for ``node``: its entry has a record that proves it."""
        return self.chain.kind != NSEC3_CHAIN or self.chain.match(node) != 0

    cdef uint32_t _unproved_nodata(self, uint32_t node) except 0:
        if self._proves_nodata(node):
            return self.nodata()
        self.sections.clear()
        self.chain.nodata(node)
        self._deny()
        return self._block(node)

    # -- chains -------------------------------------------------------------------------------

    cdef Place _find(self, const uint8_t *name, int length) noexcept:
        """Find ``name`` as a query for it would (RFC 1034 §4.3.2 step 3, RFC 4592, RFC 6672)."""
        cdef Place place
        cdef uint8_t wildcard[258]
        cdef const uint8_t *at = name
        cdef uint32_t node
        cdef Node *encloser
        place.kind, place.source, place.encloser = OUTSIDE, 0, 0
        if not is_subdomain(name, length, &self.tree.nodes[1]):
            return place
        while True:
            node = self.tree.find(at, length)
            if node and self.tree.nodes[node].flags & EXISTS:
                break
            length -= 1 + at[0]
            at += 1 + at[0]
        encloser = &self.tree.nodes[node]
        place.source = place.encloser = node
        if encloser.flags & CUT:
            place.kind = AT_CUT_KIND
        elif at == name:
            place.kind = EXACT
        elif encloser.flags & REDIRECT:
            place.kind = BELOW_DNAME
        else:
            wildcard[0], wildcard[1] = 1, 42
            memcpy(wildcard + 2, encloser.name, encloser.length)
            node = self.tree.find(wildcard, 2 + encloser.length)
            if node and not self.tree.nodes[node].flags & EXISTS:
                node = 0
            place.kind, place.source = WILDCARD if node else NXNAME, node
        return place

    cdef Place _follow(self, uint32_t node, int rtype) except *:
        """Follow the CNAME at ``node``; say how it ends, in the sections and as a place.

        It ends at a pool of CNAME records, too: where one leads is known once it is chosen.
        """
        cdef uint32_t link = self.tree.has(node, TYPE_CNAME)
        cdef const uint8_t *name = self.tree.nodes[node].name
        cdef bint stands_in = is_wildcard(name)
        cdef int at = 0, i, links = 1
        cdef Place place
        place.kind, place.source, place.encloser = OUTSIDE, 0, 0
        if self.tree.sets[link].pool:
            self._add_found(node, NULL if stands_in else name, TYPE_CNAME)
            return place
        self._add(ANSWER, link, NULL if stands_in else name)
        # names[0] is where the chain begins, but a wildcard stands in for other names, and the
        # chain may lead to its own
        self.names[0].length = 0 if stands_in else fold(name, self.names[0].lower)
        self.names[1].at = self.tree.datas[self.tree.sets[link].first].at
        at = 1
        while True:
            self.names[at].length = fold(self.names[at].at, self.names[at].lower)
            for i in range(at):
                if self.names[i].length == self.names[at].length and memcmp(
                    self.names[i].lower, self.names[at].lower, self.names[at].length
                ) == 0:
                    break
            else:
                place = self._find(self.names[at].lower, self.names[at].length)
                if not self._is_link(place, rtype):
                    self._end(place, at, rtype)
                    return place
                if links < MAX_LINKS and self._add_link(place, at):
                    links += 1
                    at += 1
                    continue
            break
        place.kind, place.source, place.encloser = OUTSIDE, 0, 0
        return place

    cdef bint _is_link(self, Place place, int rtype) noexcept:
        if place.kind == BELOW_DNAME:
            return True
        if place.kind != EXACT and place.kind != WILDCARD:
            return False
        return self.tree.has(place.source, TYPE_CNAME) and not self.tree.has(place.source, rtype)

    cdef int _add_link(self, Place place, int at) except -1:
        """Add the CNAME, or DNAME and what it makes, at ``place``.

        Where it leads becomes the name behind ``at``; returns 0 when it leads nowhere, or the chain
        ends here.
        """
        cdef uint32_t link
        if place.kind == BELOW_DNAME:
            return self._add_dname(place, at)
        link = self.tree.has(place.source, TYPE_CNAME)
        if place.kind == WILDCARD:
            self.chain.expanded(self.names[at].lower, self.names[at].length, place.encloser)
            self._prove()
        if self.tree.sets[link].pool:
            self._add_found(place.source, self.names[at].at, TYPE_CNAME)
            return 0
        self._add(ANSWER, link, self.names[at].at)
        self.names[at + 1].at = self.tree.datas[self.tree.sets[link].first].at
        return 1

    cdef int _add_dname(self, Place place, int at) except -1:
        cdef uint32_t dname = self.tree.has(place.source, TYPE_DNAME), i
        cdef Data target = self.tree.datas[self.tree.sets[dname].first]
        cdef int kept = self.names[at].length - self.tree.nodes[place.source].length
        cdef Item item
        cdef Set *made
        for i in range(self.sections.used[ANSWER]):
            if self.sections.items[ANSWER][i].set == dname:
                break
        else:
            self._add(ANSWER, dname, self.tree.sets[dname].owner)
        if kept + target.length > MAX_NAME:
            self.sections.rcode = RCODE_YXDOMAIN
            return 0
        memcpy(self.made[at], self.names[at].at, kept)
        memcpy(self.made[at] + kept, target.at, target.length)
        made = &self.tree.sets[self.tree.spare + at]
        made.rtype, made.count, made.first = TYPE_CNAME, 1, self.tree.spare_data + at
        made.node = made.signatures = made.pool = 0
        self.tree.datas[made.first].at = self.made[at]
        self.tree.datas[made.first].length = kept + target.length
        item.set, item.owner, item.signatures = self.tree.spare + at, self.names[at].at, 0
        item.ttl = self.tree.sets[dname].ttl
        self.sections.add(ANSWER, item)
        self.names[at + 1].at = self.made[at]
        return 1

    cdef int _end(self, Place place, int at, int rtype) except -1:
        """Add what the last name of a chain gets."""
        cdef Name *name = &self.names[at]
        cdef bint is_asked = place.source and self.tree.has(place.source, rtype)
        if place.kind == OUTSIDE:
            return 0
        if place.kind == NXNAME:
            self.sections.rcode = RCODE_NXDOMAIN
            self.chain.nxdomain(name.lower, name.length, place.encloser)
            return self._deny()
        if place.kind == AT_CUT_KIND and not (
            rtype == TYPE_DS and name.length == self.tree.nodes[place.source].length
        ):
            return self._refer(place.source)
        if is_asked:
            self._add_found(place.source, name.at, rtype)
            if place.kind == WILDCARD:
                self.chain.expanded(name.lower, name.length, place.encloser)
                self._prove()
            return 0
        if place.kind == WILDCARD:
            self.chain.expanded_nodata(name.lower, name.length, place.encloser, place.source)
        else:
            self.chain.nodata(place.source)
        return self._deny()
