# cython: cdivision=True
# The image as a query reads it: the twin of dnsd.image.reader. Every offset that comes from
# the file is checked against its size; a FAULT makes the caller decline the packet.

from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy

from dnsd.hotpath.native.octets cimport FAULT, u16, u32
from dnsd.hotpath.native.query cimport Name
from dnsd.image.layout cimport (
    BLOCK_SIZE, COVER, CUT, ENCLOSER, ENTRY_SIZE, HASH_SIZE, KEY_SIZE, MATCH, MAX_PROBES,
    NSEC3_CHAIN, WILD,
)
from dnsd.wire.sha1 cimport sha1
from dnsd.wire.siphash cimport siphash13


cdef enum:
    MAX_PIECES = 80


cdef struct Zone:
    const uint8_t *image      # NULL: the zone is ours but not loaded
    bint is_expired           # and has been, but is too old
    uint64_t size
    uint8_t apex[256]
    int apex_length
    uint64_t number           # what stands for the zone in accounts of rate limits
    int apex_labels
    int depth
    int denial
    uint64_t table
    uint32_t mask
    uint8_t key[KEY_SIZE]     # of the hash that finds names in the table
    uint64_t apex_entry
    uint64_t nodata[2]
    uint64_t nxdomain[2]
    uint64_t denial_index
    uint32_t denial_count
    int iterations
    uint8_t salt[255]
    int salt_length
    const uint64_t *words     # of its pools; NULL: they are undecided
    uint32_t *notes
    uint32_t *counts
    uint32_t cells


cdef struct Entry:
    int flags
    int types
    uint64_t at
    uint64_t wildcard
    uint64_t defaults[2]
    uint64_t match
    uint64_t wild


cdef struct Block:
    const uint8_t *pieces
    const uint8_t *optional
    const uint8_t *pointers
    const uint8_t *body
    int base, ancount, nscount, arcount, length, split
    int n_pieces, n_optional, n_pointers
    int rcode, flags, proof, proof_expanded
    uint64_t pool_at          # 0: the block is static


cdef struct Place:
    uint64_t entry
    uint64_t encloser
    int level
    bint expanded


cdef inline bint within(const Zone *zone, uint64_t at, uint64_t length) noexcept nogil:
    return at <= zone.size and length <= zone.size - at


cdef inline int read_entry(const Zone *zone, uint64_t at, Entry *entry) noexcept nogil:
    cdef const uint8_t *p
    if not within(zone, at, ENTRY_SIZE):
        return FAULT
    p = zone.image + at
    entry.at = at
    entry.flags = p[1]
    entry.types = u16(p + 2)
    entry.wildcard = <uint64_t>u32(p + 4) * 8
    entry.defaults[0] = <uint64_t>u32(p + 8) * 8
    entry.defaults[1] = <uint64_t>u32(p + 12) * 8
    entry.match = <uint64_t>u32(p + 16) * 8
    entry.wild = <uint64_t>u32(p + 20) * 8
    if not within(
        zone, at, ENTRY_SIZE + 8 * <uint64_t>entry.types + 2 * <uint64_t>(entry.types + (entry.types & 1))
    ):
        return FAULT
    return 0


cdef inline uint64_t find(const Zone *zone, const uint8_t *name, int length) noexcept nogil:
    """The entry of the lower-case ``name``, or 0."""
    cdef uint32_t digest = <uint32_t>siphash13(zone.key, name, length)
    cdef uint32_t place = digest & zone.mask
    cdef int probes
    cdef const uint8_t *pair
    cdef const uint8_t *p
    cdef uint64_t at, ref
    cdef int types
    for probes in range(MAX_PROBES):
        pair = zone.image + zone.table + <uint64_t>place * 8
        ref = u32(pair + 4)
        if ref == 0:
            return 0
        if u32(pair) == digest:
            at = ref * 8
            if not within(zone, at, ENTRY_SIZE):
                return 0
            p = zone.image + at
            types = u16(p + 2)
            at += ENTRY_SIZE + 8 * <uint64_t>types + 2 * <uint64_t>(types + (types & 1))
            if p[0] == length and within(zone, at, length):
                if memcmp(zone.image + at, name, length) == 0:
                    return ref * 8
        place = (place + 1) & zone.mask
    return 0


cdef inline const uint8_t *suffix(const Name *name, int level) noexcept nogil:
    """Where the last ``level`` labels of ``name`` begin."""
    return name.lower + (name.offsets[name.labels - level] if level else name.length - 1)


cdef inline int suffix_length(const Name *name, int level) noexcept nogil:
    return name.length - (name.offsets[name.labels - level] if level else name.length - 1)


cdef inline int search(const Zone *zone, const Name *name, Place *place) noexcept nogil:
    """Find ``name`` or its closest encloser, by bisection over the levels."""
    cdef uint64_t entry
    cdef int low, high, middle
    cdef Entry encloser
    place.expanded = False
    if name.labels <= zone.depth:
        entry = find(zone, name.lower, name.length)
        if entry:
            place.entry = place.encloser = entry
            place.level = name.labels
            return 0
    low = zone.apex_labels
    high = min(name.labels, zone.depth + 1)
    place.encloser = zone.apex_entry
    while high - low > 1:
        middle = (low + high) // 2
        entry = find(zone, suffix(name, middle), suffix_length(name, middle))
        if entry:
            low = middle
            place.encloser = entry
        else:
            high = middle
    place.level = low
    place.entry = 0
    if read_entry(zone, place.encloser, &encloser) == FAULT:
        return FAULT
    if encloser.wildcard and not encloser.flags:
        place.entry = encloser.wildcard
        place.expanded = True
    return 0


cdef inline uint64_t block_for(const Zone *zone, const Entry *entry, int qtype, int signed_) noexcept nogil:
    """The block that answers ``qtype`` at ``entry``."""
    cdef const uint8_t *types = zone.image + entry.at + ENTRY_SIZE
    cdef int i, index = -1
    cdef uint64_t default
    for i in range(entry.types):
        if u16(types + 2 * i) == qtype:
            index = i
            break
    if index < 0 and qtype == 255 and entry.types and not entry.flags & CUT:
        index = 0
    if index < 0:
        default = entry.defaults[signed_]
        return default if default else zone.nodata[signed_]
    types += 2 * (entry.types + (entry.types & 1)) + 4 * (index + signed_ * entry.types)
    return <uint64_t>u32(types) * 8


cdef inline int read_block(const Zone *zone, uint64_t at, Block *block) noexcept nogil:
    cdef const uint8_t *p
    cdef uint64_t need
    cdef int longest
    if at == 0 or not within(zone, at, BLOCK_SIZE):
        return FAULT
    p = zone.image + at
    block.base = u16(p)
    block.ancount = u16(p + 2)
    block.nscount = u16(p + 4)
    block.arcount = u16(p + 6)
    block.length = u16(p + 8)
    block.split = u16(p + 10)
    block.n_pieces = p[12]
    block.n_optional = p[13]
    block.rcode = p[14]
    block.flags = p[15]
    block.proof = p[16]
    block.proof_expanded = p[17]
    block.n_pointers = u16(p + 18)
    block.pool_at = <uint64_t>u32(p + 20) * 8
    need = BLOCK_SIZE + 4 * (block.n_pieces + block.n_optional) + 2 * block.n_pointers
    if not within(zone, at, need):
        return FAULT
    block.pieces = p + BLOCK_SIZE
    block.optional = block.pieces + 4 * block.n_pieces
    block.pointers = block.optional + 4 * block.n_optional
    block.body = block.pointers + 2 * block.n_pointers
    longest = u16(block.pointers - 4) if block.n_optional else block.length
    if longest < block.length or block.split > block.length:
        return FAULT
    if not within(zone, at + need, longest):
        return FAULT
    return 0


cdef inline int canonical_key(const Name *name, uint8_t *key) noexcept nogil:
    """Write the canonical sort key of ``name`` (at most 510 octets); return its length."""
    cdef int at = 0, i, j, length
    cdef uint8_t c
    cdef const uint8_t *label
    for i in range(name.labels - 1, -1, -1):
        label = name.lower + name.offsets[i]
        length = label[0]
        for j in range(1, length + 1):
            c = label[j]
            if c > 1:
                key[at] = c
                at += 1
            else:
                key[at] = 1
                key[at + 1] = c + 1
                at += 2
        key[at] = 0
        at += 1
    return at


cdef inline int64_t cover_key(const Zone *zone, const uint8_t *key, int length) noexcept nogil:
    """The piece of the NSEC whose span holds ``key``."""
    cdef uint32_t low = 0, high = zone.denial_count, middle
    cdef uint64_t at
    cdef int size, order
    while low < high:
        middle = low + (high - low) // 2
        at = <uint64_t>u32(zone.image + zone.denial_index + 8 * <uint64_t>middle) * 8
        if not within(zone, at, 2):
            return FAULT
        size = u16(zone.image + at)
        if not within(zone, at + 2, size):
            return FAULT
        order = memcmp(key, zone.image + at + 2, min(size, length))
        if order < 0 or (order == 0 and length < size):
            high = middle
        else:
            low = middle + 1
    middle = (low if low else zone.denial_count) - 1
    return <int64_t>u32(zone.image + zone.denial_index + 8 * <uint64_t>middle + 4) * 8


cdef inline int64_t cover_hash(const Zone *zone, const uint8_t *digest) noexcept nogil:
    """The piece of the NSEC3 whose span holds ``digest``."""
    cdef uint32_t low = 0, high = zone.denial_count, middle
    cdef const uint8_t *hashes = zone.image + zone.denial_index
    while low < high:
        middle = low + (high - low) // 2
        if memcmp(digest, hashes + HASH_SIZE * <uint64_t>middle, HASH_SIZE) < 0:
            high = middle
        else:
            low = middle + 1
    middle = (low if low else zone.denial_count) - 1
    return <int64_t>u32(hashes + HASH_SIZE * <uint64_t>zone.denial_count + 4 * <uint64_t>middle) * 8


cdef inline void hash_name(const Zone *zone, const uint8_t *name, int length, uint8_t *out) noexcept nogil:
    cdef uint8_t message[512]
    cdef int i
    memcpy(message, name, length)
    memcpy(message + length, zone.salt, zone.salt_length)
    sha1(message, length + zone.salt_length, out)
    for i in range(zone.iterations):
        memcpy(message, out, HASH_SIZE)
        memcpy(message + HASH_SIZE, zone.salt, zone.salt_length)
        sha1(message, HASH_SIZE + zone.salt_length, out)


cdef inline int64_t cover(const Zone *zone, const Name *name, int level) noexcept nogil:
    cdef uint8_t key[512]
    if zone.denial_count == 0 or level >= name.labels:
        return FAULT
    if zone.denial == NSEC3_CHAIN:
        hash_name(zone, suffix(name, level + 1), suffix_length(name, level + 1), key)
        return cover_hash(zone, key)
    return cover_key(zone, key, canonical_key(name, key))


cdef inline int add_piece(uint64_t *pieces, int count, int64_t piece) noexcept nogil:
    """Append ``piece`` unless it is none or there already; return the new count or FAULT."""
    cdef int i
    if piece == 0:
        return count
    if piece < 0 or count == MAX_PIECES:
        return FAULT
    for i in range(count):
        if pieces[i] == <uint64_t>piece:
            return count
    pieces[count] = <uint64_t>piece
    return count + 1


cdef inline int prove(
    const Zone *zone, const Name *name, const Place *place, int wanted, uint64_t *pieces, int count
) noexcept nogil:
    """Append the pieces that prove what is ``wanted``; return the new count or FAULT."""
    cdef Entry encloser, entry
    cdef int level = place.level
    if read_entry(zone, place.encloser, &encloser) == FAULT:
        return FAULT
    if zone.denial == NSEC3_CHAIN:
        while level > zone.apex_labels and encloser.match == 0:
            level -= 1
            if read_entry(
                zone, find(zone, suffix(name, level), suffix_length(name, level)), &encloser
            ) == FAULT:
                return FAULT
    if wanted & ENCLOSER:
        count = add_piece(pieces, count, <int64_t>encloser.match)
    if wanted & COVER and count >= 0:
        count = add_piece(pieces, count, cover(zone, name, level))
    if wanted & WILD and count >= 0:
        count = add_piece(pieces, count, <int64_t>encloser.wild)
    if wanted & MATCH and count >= 0:
        if read_entry(zone, place.entry, &entry) == FAULT:
            return FAULT
        count = add_piece(pieces, count, <int64_t>entry.match)
    return count
