# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Blocks of an image from records that are named by number: the native twin of ``writer``.

Compression (RFC 1035 §4.1.4), and the layout of a block.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, memset

from dnsd.compile._labels cimport folded, hashed, name_length, stands_in
from dnsd.compile._output cimport Output, more_of
from dnsd.image.layout cimport BLOCK_SIZE, COMPOSE as FLAG_COMPOSE, LINKS as LINKS_BIT
from dnsd.image.layout cimport POINTER_LIMIT
from dnsd.zone._tree cimport Set, Tree

from dnsd.compile.writer import MAX_BODY as _MAX_BODY
from dnsd.errors import ImageError
from dnsd.wire.name import to_text

cdef enum:
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_PTR = 12
    TYPE_MX = 15
    QNAME_AT = 12
    HEADS = 1024
    MOST_OPTIONAL = 255
    MAX_BODY = 64752
    ENOUGH = 1 << 17          # nothing so long fits anywhere: no need to go on

assert _MAX_BODY == MAX_BODY


cdef class Sections:
    """What a block is to say, made once and used for one block after the other."""

    def __dealloc__(self):
        for part in range(PARTS):
            free(self.items[part])

    cdef void clear(self) noexcept:
        memset(self.used, 0, sizeof(self.used))
        self.pieces_used = self.rcode = self.proof = self.proof_expanded = 0
        self.flags = 1
        self.pool = 0

    cdef int add(self, int part, Item item) except -1:
        cdef uint64_t room = self.room[part]
        self.items[part] = <Item *>more_of(
            self.items[part], &room, self.used[part] + 1, sizeof(Item)
        )
        self.room[part] = <uint32_t>room
        self.items[part][self.used[part]] = item
        self.used[part] += 1
        return 0

    cdef int add_piece(self, uint32_t ref) except -1:
        """Add a piece behind the others."""
        if self.pieces_used == MOST_PIECES:
            raise ImageError("an answer has too many proofs")
        self.pieces[self.pieces_used] = ref
        self.pieces_used += 1
        return 0


cdef inline void _w16(uint8_t *at, uint32_t value) noexcept:
    at[0], at[1] = value & 0xFF, value >> 8 & 0xFF


cdef inline void _n16(uint8_t *at, uint32_t value) noexcept:
    at[0], at[1] = value >> 8 & 0xFF, value & 0xFF


cdef class Writer:
    """Writes blocks of ``tree``'s records to ``out``."""

    def __cinit__(self, Tree tree, Output out):
        self.tree, self.out = tree, out
        # never NULL, not even where there is nothing in them
        self.octets = <uint8_t *>more_of(NULL, &self.room, 1, 1)
        self.pointers = <uint16_t *>more_of(NULL, &self.pointers_room, 1, sizeof(uint16_t))

    def __dealloc__(self):
        free(self.octets)
        free(self.pointers)
        free(self.names)
        free(self.places)
        free(self.pools)

    cdef uint32_t block(
        self, const uint8_t *base, int base_length, Sections sections, int room
    ) except 0:
        """Return the ref of the block for ``sections``; as in :func:`writer.encode`."""
        cdef uint16_t ends[2 * (MOST_OPTIONAL + 1)]
        cdef int ancount, nscount, arcount, split, length, optional, flags
        cdef uint32_t pool_ref, i
        cdef bint moves
        cdef uint64_t before, at
        cdef uint8_t *p
        if sections.pool:
            room += self.pools[sections.pool - 1].longest
        self._begin(base, base_length, POINTER_LIMIT - room)
        ancount = self._add_all(sections, ANSWER)
        nscount = self._add_all(sections, AUTHORITY)
        split = self.used
        if sections.pool:
            self._add_owner(sections.pool_owner, self.pools[sections.pool - 1].rtype)
        arcount = self._add_all(sections, GLUE)
        length = self.used
        if length > MAX_BODY:
            raise ImageError(
                f"an answer for {to_text(base[:base_length])} would be too long for any message"
            )
        optional = self._add_optional(sections, arcount, ends)
        flags = sections.flags
        if sections.pool:
            if self.pools[sections.pool - 1].leads_on:
                flags |= FLAG_COMPOSE
            flags += (self.pools[sections.pool - 1].rtype == TYPE_CNAME) << LINKS_BIT
        for i in range(sections.used[ANSWER]):
            flags += (self.tree.sets[sections.items[ANSWER][i].set].rtype == TYPE_CNAME) << LINKS_BIT
        if room and QNAME_AT + 4 + base_length + split + room > POINTER_LIMIT:
            flags |= FLAG_COMPOSE
        moves = stands_in(base)
        moves = moves or sections.pieces_used or sections.proof or sections.proof_expanded
        self._forget_beyond()
        if not moves:
            self.pointers_used = 0
        before = self.out.size
        at = self.out.take(
            BLOCK_SIZE + 4 * sections.pieces_used + 4 * optional + 2 * self.pointers_used + self.used
        )
        p = self.out.at + at
        _w16(p, base_length if self.pointers_used else 0)
        _w16(p + 2, ancount)
        _w16(p + 4, nscount)
        _w16(p + 6, arcount)
        _w16(p + 8, length)
        _w16(p + 10, split)
        p[12], p[13], p[14], p[15] = sections.pieces_used, optional, sections.rcode, flags
        p[16], p[17] = sections.proof, sections.proof_expanded
        _w16(p + 18, self.pointers_used)
        pool_ref = self.pools[sections.pool - 1].ref if sections.pool else 0
        memcpy(p + 20, &pool_ref, 4)
        p += BLOCK_SIZE
        memcpy(p, sections.pieces, 4 * sections.pieces_used)
        p += 4 * sections.pieces_used
        memcpy(p, ends, 4 * optional)
        p += 4 * optional
        memcpy(p, self.pointers, 2 * self.pointers_used)
        memcpy(p + 2 * self.pointers_used, self.octets, self.used)
        return self.out.keep(before, at)

    # -- records ------------------------------------------------------------------------------

    cdef void _begin(self, const uint8_t *base, int base_length, int limit) noexcept:
        """Begin a block whose pointers are computed for the query name ``base``."""
        cdef uint64_t i
        for i in range(1, self.places_used):
            self.heads[self.places[i].hash % HEADS] = 0
        self.used = self.pointers_used = self.names_used = 0
        self.places_used = 1
        self.start, self.limit = QNAME_AT + base_length + 4, limit
        self.base, self.base_length, self.base_is_known = base, base_length, False

    cdef int _know_base(self) except -1:
        """Remember the parts of the query name.

        When it begins with a ``*`` label it stands for others: the whole of it is no target.
        """
        cdef uint32_t hashes[128]
        cdef int offsets[128]
        cdef int labels = self._fold(self.base, offsets, hashes), i
        self.base_is_known = True
        for i in range(stands_in(self.base), labels):
            self._remember(
                offsets[i], self.base_length - offsets[i], hashes[i], QNAME_AT + offsets[i]
            )
        return 0

    cdef int _add_all(self, Sections sections, int part) except -1:
        """Add all of a section and return how many records that made."""
        cdef int records = 0
        cdef uint32_t i
        for i in range(sections.used[part]):
            records += self._add_item(&sections.items[part][i])
        return records

    cdef int _add_item(self, const Item *item) except -1:
        cdef int records = 0
        cdef uint32_t each = item.set, i
        cdef Set *rrset
        while each:
            rrset = &self.tree.sets[each]
            for i in range(rrset.count):
                if self.used > ENOUGH:
                    return records
                self._add_record(
                    item.owner, rrset.rtype, item.ttl,
                    self.tree.datas[rrset.first + i].at, self.tree.datas[rrset.first + i].length,
                )
                records += 1
            each = item.signatures if each == item.set else 0
        return records

    cdef int _add_record(
        self, const uint8_t *owner, int rtype, uint32_t ttl, const uint8_t *rdata, int length
    ) except -1:
        cdef uint64_t begin
        cdef uint8_t *p
        self._add_owner(owner, rtype)
        self._grow(6)
        p = self.octets + self.used
        _n16(p, ttl >> 16)
        _n16(p + 2, ttl & 0xFFFF)
        self.used += 6
        begin = self.used
        self._add_rdata(rtype, rdata, length)
        _n16(self.octets + begin - 2, <uint32_t>(self.used - begin))
        return 0

    cdef int _add_owner(self, const uint8_t *owner, int rtype) except -1:
        """Add owner, type and class IN."""
        if owner == NULL:
            self._put(b"\xc0\x0c", 2)
        else:
            self._name(owner)
        self._grow(4)
        _n16(self.octets + self.used, rtype)
        _n16(self.octets + self.used + 2, 1)
        self.used += 4
        return 0

    cdef int _add_rdata(self, int rtype, const uint8_t *rdata, int length) except -1:
        cdef int names = 0, before = 0, at
        if rtype in (TYPE_NS, TYPE_CNAME, TYPE_PTR):
            names = 1
        elif rtype == TYPE_SOA:
            names = 2
        elif rtype == TYPE_MX:
            names, before = 1, 2
        at = before
        self._put(rdata, before)
        while names:
            self._name(rdata + at)
            while rdata[at]:
                at += 1 + rdata[at]
            at += 1
            names -= 1
        return self._put(rdata + at, length - at)

    cdef int _grow(self, int length) except -1:
        self.octets = <uint8_t *>more_of(self.octets, &self.room, self.used + length + 1, 1)
        return 0

    cdef int _put(self, const uint8_t *octets, int length) except -1:
        self._grow(length)
        memcpy(self.octets + self.used, octets, length)
        self.used += length
        return 0

    cdef int _add_optional(self, Sections sections, int arcount, uint16_t *ends) except -1:
        """Add what still fits; note after each item where the body may end, and with how many."""
        cdef int number = 0
        cdef uint64_t fits = self.used
        cdef uint32_t i
        for i in range(sections.used[OPTIONAL]):
            if number == MOST_OPTIONAL:
                break
            arcount += self._add_item(&sections.items[OPTIONAL][i])
            if self.used > MAX_BODY:
                break
            fits = self.used
            _w16(<uint8_t *>&ends[2 * number], <uint32_t>fits)
            _w16(<uint8_t *>&ends[2 * number + 1], arcount)
            number += 1
        self.used = fits
        return number

    # -- names --------------------------------------------------------------------------------

    cdef int _fold(self, const uint8_t *name, int *offsets, uint32_t *hashes) except -1:
        """Keep ``name`` in lower case; note where its labels begin and the hashes from there on.

        ``offsets`` are in what is kept. Returns the number of labels.
        """
        cdef int length = name_length(name), labels = 0, at = 0, i
        cdef uint64_t value = 0
        cdef uint8_t *kept
        self.names = <uint8_t *>more_of(self.names, &self.names_room, self.names_used + 264, 1)
        kept = self.names + self.names_used
        for i in range(length):  # the length of a label is no letter
            kept[i] = folded(name[i])
        while name[at]:
            offsets[labels] = at
            labels += 1
            at += 1 + name[at]
        i = labels
        while i:
            i -= 1
            value = hashed(value, kept + offsets[i], 1 + kept[offsets[i]])
            hashes[i] = <uint32_t>(value >> 32)
            offsets[i] += self.names_used
        self.names_used += length
        return labels

    cdef int _name(self, const uint8_t *name) except -1:
        """Write a name, compressed, and remember its parts."""
        cdef uint32_t hashes[128]
        cdef int offsets[128]
        cdef int labels, i, length = name_length(name), here
        cdef uint32_t known
        if length == self.base_length and not stands_in(self.base) and length > 1 and memcmp(
            name, self.base, length
        ) == 0:
            return self._point(QNAME_AT)
        if not self.base_is_known:
            self._know_base()
        labels = self._fold(name, offsets, hashes)
        for i in range(labels):
            known = self._known(offsets[i], length, hashes[i])
            if known:
                return self._point(self.places[known].at)
            here = self.start + <int>self.used
            if here <= self.limit:
                self._remember(offsets[i], length, hashes[i], here)
            self._put(name, 1 + name[0])
            length -= 1 + name[0]
            name += 1 + name[0]
        return self._put(b"\0", 1)

    cdef int _point(self, int at) except -1:
        if at != QNAME_AT:
            self.pointers = <uint16_t *>more_of(
                self.pointers, &self.pointers_room, self.pointers_used + 1, sizeof(uint16_t)
            )
            _w16(<uint8_t *>&self.pointers[self.pointers_used], <uint32_t>self.used)
            self.pointers_used += 1
        self._grow(2)
        _n16(self.octets + self.used, 0xC000 | at)
        self.used += 2
        return 0

    cdef int _remember(self, uint32_t name, int length, uint32_t hash, int at) except -1:
        cdef Place *place
        self.places = <Place *>more_of(
            self.places, &self.places_room, self.places_used + 1, sizeof(Place)
        )
        place = &self.places[self.places_used]
        place.name, place.length, place.hash, place.at = name, length, hash, at
        place.next = self.heads[hash % HEADS]
        self.heads[hash % HEADS] = <uint32_t>self.places_used
        self.places_used += 1
        return 0

    cdef uint32_t _known(self, uint32_t name, int length, uint32_t hash) noexcept:
        cdef uint32_t at = self.heads[hash % HEADS]
        cdef Place *place
        while at:
            place = &self.places[at]
            if place.hash == hash and place.length == length and memcmp(
                self.names + place.name, self.names + name, length - 1
            ) == 0:
                return at
            at = place.next
        return 0

    cdef int _forget_beyond(self) noexcept:
        """Forget the pointers in what did not fit."""
        while self.pointers_used and _r16(
            <uint8_t *>&self.pointers[self.pointers_used - 1]
        ) >= self.used:
            self.pointers_used -= 1
        return 0

    cdef uint32_t length_of(self, uint32_t ref) noexcept:
        """Return the octets of the mandatory part of the block at ``ref``."""
        return _r16(self.out.at + 8 * <uint64_t>ref + 8)


cdef inline uint32_t _r16(const uint8_t *at) noexcept:
    return at[0] | at[1] << 8
