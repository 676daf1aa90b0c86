# Records of an answer in the making, read from blocks; ``written`` writes them. Both are the
# twin of dnsd.wire.records. Little more is read than there is room for.

from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy

from dnsd.hotpath.native.image cimport Block
from dnsd.hotpath.native.octets cimport FAULT, LARGEST, lower8, n16, u16
from dnsd.hotpath.native.query cimport Name


cdef enum:
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_PTR = 12
    TYPE_MX = 15
    TYPE_DNAME = 39
    YXDOMAIN = 6
    MAX_LINKS = 16
    MAX_GROUPS = 255          # a block has no more
    MAX_RUNS = 512            # RRsets of a chain and its proofs: some 200
    POINTER_LIMIT = 0x3FFF
    MAX_PLACES = 8192         # each has at least two octets before POINTER_LIMIT
    DIGESTS = 16384
    ANSWER = 0
    AUTHORITY = 1
    ADDITIONAL = 2


cdef struct Source:
    const uint8_t *name       # what a pointer to the query name stands for
    int length                # of that name
    int base                  # of the name that the pointers were computed for
    const uint8_t *body
    int end
    uint32_t stamp            # its number among all sources; see Known


cdef struct Record:
    uint8_t owner[256]
    int owner_length
    int pointer               # the owner's octets, when they are nothing but a pointer; or 0
    int place                 # where the owner stands in the message, once it does; or 0
    int rtype
    const uint8_t *fixed      # type, class, TTL, length of the rdata
    int rdata                 # where it begins and ends in the body
    int end
    bint first                # of its RRset


cdef struct Known:
    uint64_t digest           # of the name that a pointer of the source with that stamp leads to
    uint32_t stamp


cdef struct Written:
    uint64_t digest           # of the name
    uint16_t at
    uint16_t index            # in by_digest


cdef struct Composed:
    uint8_t key[16]           # of the digests
    uint8_t message[4 * LARGEST]  # the last record may be longer than the room
    int written               # octets of the message
    int room                  # for all of it
    int start                 # where its records begin
    int counts[3]
    int groups
    int ends[MAX_GROUPS + 1]
    int arcounts[MAX_GROUPS + 1]
    int links
    uint8_t name[256]         # where the chain has led to, as it is spelled
    int name_length
    int name_place            # where it stands in the message, or 0
    uint8_t seen[MAX_LINKS + 2][256]
    uint8_t pool[LARGEST]     # what is chosen from one, to be read
    uint8_t content[256 + 6 + LARGEST + 512]
    uint64_t runs[MAX_RUNS]   # digests of the first records of RRsets written so far
    uint8_t sections[MAX_RUNS]
    int n_runs
    Written places[MAX_PLACES]
    uint16_t by_digest[DIGESTS]  # hash table: index into places + 1, 0 is empty
    int n_places
    Known known[POINTER_LIMIT + 1]
    uint32_t stamps


cdef inline int name_of(const uint8_t *octets, int length, Name *name) noexcept nogil:
    """Take the uncompressed name, of which 256 octets can be read, apart; FAULT if it is none."""
    cdef int at = 0, i
    cdef uint64_t word
    if not 0 < length <= 255:
        return FAULT
    name.labels = 0
    while octets[at]:
        if octets[at] > 63 or at + 1 + octets[at] >= length:
            return FAULT
        name.offsets[name.labels] = at
        name.labels += 1
        at += 1 + octets[at]
    if at + 1 != length:
        return FAULT
    for i in range(0, length, 8):
        memcpy(&word, octets + i, 8)
        word = lower8(word)
        memcpy(name.lower + i, &word, 8)
    name.length = length
    return 0


cdef inline int read_name(const Source *source, int *at, uint8_t *out) noexcept nogil:
    """Write the name at ``at`` uncompressed; return its length or FAULT, move ``at`` behind it."""
    cdef const uint8_t *octets = source.body
    cdef int size = source.end, here = at[0], copied = here, begin = here, end = 0, n = 0, length
    while here < size and octets[here]:
        length = octets[here]
        if length <= 63:
            here += 1 + length
            continue
        if length < 0xC0 or here + 1 >= size or octets != source.body or n + here - copied > 254:
            return FAULT
        memcpy(out + n, octets + copied, here - copied)
        n += here - copied
        if end == 0:
            end = here + 2
        length = n16(octets + here) & 0x3FFF
        here = length - 16 - source.base
        if here >= begin:
            return FAULT
        if here < 0:
            here = 0 if length == 12 else length - 12 + source.length - source.base
            if length < 12 or length >= 12 + source.base or here < 0:
                return FAULT
            octets, size = source.name, source.length
        copied = begin = here
    if here >= size or n + here - copied > 254:
        return FAULT
    memcpy(out + n, octets + copied, here + 1 - copied)
    at[0] = end if end else here + 1
    return n + here + 1 - copied


cdef inline int names_inside(int rtype, int *before) noexcept nogil:
    """How many names in the rdata may be compressed, and the octets before them."""
    before[0] = 2 if rtype == TYPE_MX else 0
    if rtype == TYPE_SOA:
        return 2
    return rtype == TYPE_NS or rtype == TYPE_CNAME or rtype == TYPE_PTR or rtype == TYPE_MX


cdef inline void read_from(Composed *c, Source *source, const Block *block, const uint8_t *name, int length, Record *record) noexcept nogil:
    """Begin to read the block's records, as they are for a query for ``name``."""
    c.stamps += 1
    source.stamp = c.stamps
    source.name, source.length = name, length
    source.base = block.base if block.base else length
    source.body = block.body
    source.end = u16(block.pointers - 4) if block.n_optional else block.length
    record.pointer = record.owner_length = 0
    record.rtype = -1


cdef inline int read_record(const Source *source, int *at, Record *record) noexcept nogil:
    """Read the record at ``at``, the next one after ``record``, and move ``at`` behind it."""
    cdef uint8_t owner[256]
    cdef int here = at[0], length, pointer = 0
    cdef bint same
    if here + 2 <= source.end and source.body[here] >= 0xC0:
        pointer = n16(source.body + here)
    if pointer and pointer == record.pointer:
        same = True
        here += 2
    else:
        length = read_name(source, &here, owner)
        if length == FAULT:
            return FAULT
        same = length == record.owner_length and memcmp(owner, record.owner, length) == 0
        record.pointer = pointer
        if not same:
            memcpy(record.owner, owner, length)
            record.owner_length = length
            record.place = 0
    if here + 10 > source.end:
        return FAULT
    record.fixed = source.body + here
    record.first = not same or n16(record.fixed) != record.rtype
    record.rtype = n16(record.fixed)
    record.rdata = here + 10
    record.end = record.rdata + n16(record.fixed + 8)
    if record.end > source.end:
        return FAULT
    at[0] = record.end
    return 0
