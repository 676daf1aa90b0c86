# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The NSEC or NSEC3 chain of a tree, which record proves what: the native twin of ``denial``."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memcmp, memcpy, memset

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.compile._output cimport more_of
from dnsd.image.layout cimport HASH_SIZE, NO_DENIAL, NSEC3_CHAIN, NSEC_CHAIN
from dnsd.wire.sha1 cimport sha1
from dnsd.zone._tree cimport EMPTY, OCCLUDED, Tree

from struct import pack

from dnsd.compile.denial import _SHA1_NO_FLAGS
from dnsd.image import layout
from dnsd.zone.hashing import is_proven

cdef enum:
    TYPE_NSEC = 47
    TYPE_NSEC3 = 50
    TYPE_NSEC3PARAM = 51
    MOST_SALT = 255


cdef int _order(const void *one, const void *other) noexcept nogil:
    cdef const Link *a = <const Link *>one
    cdef const Link *b = <const Link *>other
    return _compare(a.key, a.length, b.key, b.length)


cdef inline int _compare(
    const uint8_t *one, uint32_t length, const uint8_t *other, uint32_t other_length
) noexcept nogil:
    cdef int found = memcmp(one, other, length if length < other_length else other_length)
    if found:
        return found
    return (length > other_length) - (length < other_length)


cdef int canonical_key(const uint8_t *name, uint8_t *out) noexcept:
    """Write the key of a lower-case name; see :func:`dnsd.wire.name.canonical_key`."""
    cdef int starts[128]
    cdef int labels = 0, at = 0, written = 0, i
    while name[at]:
        starts[labels] = at
        labels += 1
        at += 1 + name[at]
    while labels:
        labels -= 1
        at = starts[labels]
        for i in range(at + 1, at + 1 + name[at]):
            if name[i] < 2:
                out[written], out[written + 1] = 1, 1 + name[i]
                written += 2
            else:
                out[written] = name[i]
                written += 1
        out[written] = 0
        written += 1
    return written


cdef class Chain:
    """The chain of ``tree``; without ``is_used`` there is none, and nothing can be proved.

    What proves something is left in ``proofs``: sets, an unprovable step left out.
    """

    def __cinit__(self, Tree tree, bint is_used):
        cdef uint32_t parameters, i
        self.tree, self.salt = tree, b""
        if not is_used:
            return
        if tree.has(1, TYPE_NSEC):
            self.kind = NSEC_CHAIN
            self._follow_nsec()
            return
        parameters = tree.has(1, TYPE_NSEC3PARAM)
        for i in range(tree.sets[parameters].count if parameters else 0):
            rdata = tree.datas[tree.sets[parameters].first + i].at[
                :tree.datas[tree.sets[parameters].first + i].length
            ]
            if rdata[:2] == _SHA1_NO_FLAGS:  # RFC 5155 §4.1.2, §8.1
                self._follow_nsec3(rdata)
            if self.used:
                return

    def __dealloc__(self):
        free(self.links)
        free(self.octets)

    # -- what proves what ---------------------------------------------------------------------

    cdef uint32_t match(self, uint32_t node) noexcept:
        """Return the set that shows which types the existing ``node`` has, 0 if there is none."""
        cdef uint8_t key[640]
        cdef uint32_t found
        if self.kind == NO_DENIAL:
            return 0
        if self.is_unpaid:
            return self.links[0].set
        if self.kind == NSEC_CHAIN:
            if self.tree.nodes[node].flags & EMPTY:
                # its span shows that it has no data
                return self._before(key, canonical_key(self.tree.nodes[node].name, key))
            return 0 if self.tree.nodes[node].flags & OCCLUDED else self.tree.has(node, TYPE_NSEC)
        found = self.tree.nodes[node].proof
        if found == 0:
            self._hash(self.tree.nodes[node].name, self.tree.nodes[node].length, key)
            found = self._at(key) + 1
            self.tree.nodes[node].proof = found
        return found - 1

    cdef uint32_t _at(self, const uint8_t *key) noexcept:
        cdef uint32_t place = self._place(key, HASH_SIZE)
        if memcmp(self.links[place].key, key, HASH_SIZE) == 0:
            return self.links[place].set
        return 0

    cdef uint32_t cover(self, const uint8_t *name, int length) noexcept:
        """Return the set whose span holds ``name``, which has none of its own; 0: none does."""
        cdef uint8_t key[640]
        if self.kind == NO_DENIAL:
            return 0
        if self.is_unpaid:
            return self.links[0].set
        if self.kind == NSEC_CHAIN:
            return self._before(key, canonical_key(name, key))
        self._hash(name, length, key)
        return self._before(key, HASH_SIZE)

    cdef uint32_t cover_wildcard(self, uint32_t encloser) noexcept:
        """The same of the wildcard below ``encloser``."""
        cdef uint8_t name[258]
        name[0], name[1] = 1, 42
        memcpy(name + 2, self.tree.nodes[encloser].name, self.tree.nodes[encloser].length)
        return self.cover(name, 2 + self.tree.nodes[encloser].length)

    cdef uint32_t _cover_next_closer(
        self, const uint8_t *name, int length, uint32_t encloser
    ) noexcept:
        cdef int rest = self.tree.nodes[encloser].length
        while length - 1 - name[0] != rest:
            length -= 1 + name[0]
            name += 1 + name[0]
        return self.cover(name, length)

    cdef void _prove(self, uint32_t rrset) noexcept:
        if rrset:
            self.proofs[self.proofs_used] = rrset
            self.proofs_used += 1

    cdef uint32_t _provable(self, uint32_t node) noexcept:
        while self.tree.nodes[node].parent and self.match(node) == 0:
            node = self.tree.nodes[node].parent
        return node

    cdef void _closest_encloser(self, const uint8_t *name, int length, uint32_t node) noexcept:
        """The closest encloser proof (RFC 5155 §7.2.1), from the closest *provable* encloser."""
        cdef uint32_t provable = self._provable(node)
        self._prove(self.match(provable))
        self._prove(self._cover_next_closer(name, length, provable))

    cdef void nodata(self, uint32_t node) noexcept:
        """Prove that the existing ``node`` lacks a type (or a cut its DS)."""
        cdef uint32_t match = self.match(node)
        self.proofs_used = 0
        # under opt-out an insecure cut, or an empty non-terminal above one, has no record
        if self.kind != NSEC3_CHAIN or match or self.tree.nodes[node].parent == 0:
            self._prove(match)
        else:
            self._closest_encloser(
                self.tree.nodes[node].name, self.tree.nodes[node].length,
                self.tree.nodes[node].parent,
            )

    cdef void nxdomain(self, const uint8_t *name, int length, uint32_t encloser) noexcept:
        """Prove that ``name`` does not exist and no wildcard gives it."""
        self.proofs_used = 0
        if self.is_unpaid:
            self._prove(self.links[0].set)
        elif self.kind == NSEC3_CHAIN:
            self._closest_encloser(name, length, encloser)
            self._prove(self.cover_wildcard(self._provable(encloser)))
        else:
            self._prove(self.cover(name, length))
            self._prove(self.cover_wildcard(encloser))

    cdef void expanded(self, const uint8_t *name, int length, uint32_t encloser) noexcept:
        """Prove that ``name`` itself does not exist, so that the wildcard applies."""
        self.proofs_used = 0
        if self.kind == NSEC3_CHAIN:
            self._prove(self._cover_next_closer(name, length, encloser))
        else:
            self._prove(self.cover(name, length))

    cdef void expanded_nodata(
        self, const uint8_t *name, int length, uint32_t encloser, uint32_t wildcard
    ) noexcept:
        """Prove the same, and that the ``wildcard`` lacks the type."""
        self.proofs_used = 0
        if self.is_unpaid:
            self._prove(self.links[0].set)
        elif self.kind == NSEC3_CHAIN:
            self._closest_encloser(name, length, encloser)
            self._prove(self.match(wildcard))
        else:
            self._prove(self.match(wildcard))
            self._prove(self.cover(name, length))

    # -- the chain ----------------------------------------------------------------------------

    cdef uint32_t _place(self, const uint8_t *key, uint32_t length) noexcept:
        """Return the number of the last link not behind ``key``; before the first is the last."""
        cdef uint32_t low = 0, high = self.used, middle
        while low < high:
            middle = (low + high) // 2
            if _compare(self.links[middle].key, self.links[middle].length, key, length) <= 0:
                low = middle + 1
            else:
                high = middle
        return (low or self.used) - 1

    cdef uint32_t _before(self, const uint8_t *key, uint32_t length) noexcept:
        return self.links[self._place(key, length)].set

    cdef void _hash(self, const uint8_t *name, int length, uint8_t *digest) noexcept:
        """Write the NSEC3 hash of ``name`` (RFC 5155 §5)."""
        cdef uint8_t octets[258 + MOST_SALT]
        cdef int salt = PyBytes_GET_SIZE(self.salt), i
        memcpy(octets, name, length)
        memcpy(octets + length, PyBytes_AS_STRING(self.salt), salt)
        sha1(octets, length + salt, digest)
        memcpy(octets + HASH_SIZE, PyBytes_AS_STRING(self.salt), salt)
        for i in range(self.iterations):
            memcpy(octets, digest, HASH_SIZE)
            sha1(octets, HASH_SIZE + salt, digest)

    cdef int _follow_nsec(self) except -1:
        cdef uint8_t key[640]
        cdef uint32_t node, found
        for node in range(1, self.tree.nodes_used):
            found = self.tree.has(node, TYPE_NSEC)
            if found and not self.tree.nodes[node].flags & OCCLUDED:
                self._add(found, key, canonical_key(self.tree.nodes[node].name, key))
        return self._sort()

    cdef int _follow_nsec3(self, bytes parameters) except -1:
        """Collect the NSEC3 records of the chain that has ``parameters``."""
        cdef uint8_t digest[HASH_SIZE]
        cdef uint32_t node, found
        cdef int rest = PyBytes_GET_SIZE(parameters) - 2
        cdef const uint8_t *wanted = <const uint8_t *>PyBytes_AS_STRING(parameters)
        for node in range(1, self.tree.nodes_used):
            found = self.tree.has(node, TYPE_NSEC3)
            if found == 0 or self.tree.nodes[node].parent != 1:
                continue
            rdata = &self.tree.datas[self.tree.sets[found].first]
            if rdata.at[0] == wanted[0] and <int>rdata.length >= 2 + rest and memcmp(
                rdata.at + 2, wanted + 2, rest
            ) == 0 and _base32hex(self.tree.nodes[node].name, digest):
                self._add(found, digest, HASH_SIZE)
        if self.used == 0:
            return 0
        self._sort()
        if is_proven(int.from_bytes(parameters[2:4])):
            self.kind = NSEC3_CHAIN
            self.iterations = int.from_bytes(parameters[2:4])
            self.salt = parameters[5 : 5 + parameters[4]]
        else:
            # validators are shown the iterations, see UnpaidChain
            self.kind, self.is_unpaid, self.used = NSEC_CHAIN, True, 1
            self.links[0].length = 0
        return 0

    cdef int _add(self, uint32_t rrset, const uint8_t *key, int length) except -1:
        cdef Link *link
        self.links = <Link *>more_of(self.links, &self.room, self.used + 1, sizeof(Link))
        self.octets = <uint8_t *>more_of(
            self.octets, &self.octets_room, self.octets_used + length + 1, 1
        )
        memcpy(self.octets + self.octets_used, key, length)
        link = &self.links[self.used]
        link.set, link.length = rrset, length
        link.key = NULL
        self.octets_used += length
        self.used += 1
        return 0

    cdef int _sort(self) except -1:
        cdef uint64_t at = 0
        cdef uint32_t i
        for i in range(self.used):
            # only now do the keys stay where they are
            self.links[i].key = self.octets + at
            at += self.links[i].length
        qsort(self.links, self.used, sizeof(Link), _order)
        return 0

    # -- for the image ------------------------------------------------------------------------

    def __len__(self):
        return self.used

    def index(self, output, pieces):
        """Append the chain's index (see the layout) and return its ref."""
        cdef uint32_t i
        keys = [self.links[i].key[:self.links[i].length] for i in range(self.used)]
        if self.kind == NSEC3_CHAIN:
            return output.add(b"".join(keys) + pack(f"<{len(pieces)}I", *pieces))
        refs = [output.add(layout.KEY_LENGTH.pack(len(key)) + key) for key in keys]
        pairs = [ref for pair in zip(refs, pieces) for ref in pair]
        return output.add(pack(f"<{len(pairs)}I", *pairs))


cdef bint _base32hex(const uint8_t *name, uint8_t *digest) noexcept:
    """Write the hash that the first label of ``name`` spells (RFC 4648 §7), if it does."""
    cdef uint32_t bits = 0
    cdef int have = 0, written = 0, i, value
    if name[0] != 32:
        return False
    for i in range(1, 33):
        if 48 <= name[i] <= 57:
            value = name[i] - 48
        elif 97 <= name[i] <= 118:
            value = name[i] - 87
        else:
            return False
        bits = bits << 5 | <uint32_t>value
        have += 5
        if have >= 8:
            have -= 8
            digest[written] = bits >> have & 0xFF
            written += 1
    return True
