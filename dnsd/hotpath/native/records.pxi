# Records of an answer in the making, read from blocks and written compressed: the twin of
# dnsd.wire.records. Nothing is written beyond the room there is, and little more is read.

cdef enum:
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_PTR = 12
    TYPE_MX = 15
    TYPE_DNAME = 39
    YXDOMAIN = 6
    FULL = -3                 # there is no room for more
    MAX_LINKS = 16
    MAX_GROUPS = 255          # a block has no more
    MAX_RUNS = 512            # RRsets of a chain and its proofs: some 200
    POINTER_LIMIT = 0x3FFF
    MAX_PLACES = 8192         # each has at least two octets before POINTER_LIMIT
    PLACE_SLOTS = 16384
    ANSWER = 0
    AUTHORITY = 1
    ADDITIONAL = 2


cdef struct Source:
    const uint8_t *name       # what a pointer to the query name stands for
    int length                # of that name
    int base                  # of the name that the pointers were computed for
    const uint8_t *body
    int end


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


cdef struct Written:
    uint64_t digest           # of the name
    uint16_t at
    uint16_t slot


cdef struct Composed:
    uint8_t key[16]           # of the digests
    uint8_t message[12 + 2 * LARGEST + 2048]  # the last record may be longer than the room
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
    uint8_t seen[MAX_LINKS + 2][256]
    uint8_t pool[LARGEST]     # what is chosen from one, to be read
    uint8_t content[256 + 6 + LARGEST + 512]
    uint64_t runs[MAX_RUNS]   # digests of the first records of RRsets written so far
    uint8_t sections[MAX_RUNS]
    int n_runs
    Written places[MAX_PLACES]
    uint16_t slots[PLACE_SLOTS]
    int n_places


cdef int name_of(const uint8_t *octets, int length, Name *name) noexcept nogil:
    """Take the uncompressed name apart; FAULT if it is none."""
    cdef int at = 0, i
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
    for i in range(length):
        name.lower[i] = octets[i] + (32 if <uint8_t>(octets[i] - 65) < 26 else 0)
    name.length = length
    return 0


cdef int read_name(const Source *source, int *at, uint8_t *out) noexcept nogil:
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


cdef void read_from(Source *source, const Block *block, const uint8_t *name, int length, Record *record) noexcept nogil:
    """Begin to read the block's records, as they are for a query for ``name``."""
    source.name, source.length = name, length
    source.base = block.base if block.base else length
    source.body = block.body
    source.end = u16(block.pointers - 4) if block.n_optional else block.length
    record.pointer = record.owner_length = 0
    record.rtype = -1


cdef int read_record(const Source *source, int *at, Record *record) noexcept nogil:
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


cdef uint64_t content_of(Composed *c, const uint8_t *owner, int length, const uint8_t *fixed, int rest) noexcept nogil:
    """The digest of a record whose rdata, ``rest`` octets, is in its place in ``c.content``."""
    memcpy(c.content, owner, length)
    memcpy(c.content + length, fixed, 2)
    memcpy(c.content + length + 2, fixed + 4, 4)
    return siphash13(c.key, c.content, length + 6 + rest)


cdef int note_run(Composed *c, int section, uint64_t digest, int earlier) noexcept nogil:
    """Note an RRset; return 1 if it is one of the ``earlier`` ones, FAULT if there are too many."""
    cdef int i
    for i in range(earlier):
        if c.runs[i] == digest and c.sections[i] == section:
            return 1
    if c.n_runs == MAX_RUNS:
        return FAULT
    c.runs[c.n_runs] = digest
    c.sections[c.n_runs] = section
    c.n_runs += 1
    return 0


cdef int is_repeated(Composed *c, int section, const Source *source, const Record *record, int earlier) noexcept nogil:
    """Tell whether the RRset that ``record`` begins is one of the ``earlier`` ones; or FAULT."""
    cdef uint8_t *out = c.content + record.owner_length + 6
    cdef int before, here = record.rdata, n, i, length, names = names_inside(record.rtype, &before)
    if here + before > record.end:
        return FAULT
    memcpy(out, source.body + here, before)
    n = before
    here += before
    for i in range(names):
        length = read_name(source, &here, out + n)
        if length == FAULT:
            return FAULT
        n += length
    if here > record.end:
        return FAULT
    memcpy(out + n, source.body + here, record.end - here)
    n += record.end - here
    return note_run(
        c, section, content_of(c, record.owner, record.owner_length, record.fixed, n), earlier
    )


cdef void forget_places(Composed *c) noexcept nogil:
    cdef int i
    for i in range(c.n_places):
        c.slots[c.places[i].slot] = 0
    c.n_places = 0


cdef int put_place(Composed *c, const uint8_t *name, int length, int at) noexcept nogil:
    """Return where ``name`` (in lower case) has been written; else note ``at`` and return 0."""
    cdef uint64_t digest = siphash13(c.key, name, length)
    cdef int slot = digest & (PLACE_SLOTS - 1)
    cdef Written *place
    # digests of 64 bits under a key: that two names have the same one does not happen
    while c.slots[slot]:
        place = &c.places[c.slots[slot] - 1]
        if place.digest == digest:
            return place.at
        slot = (slot + 1) & (PLACE_SLOTS - 1)
    if at <= POINTER_LIMIT:
        if c.n_places == MAX_PLACES:
            return FAULT
        place = &c.places[c.n_places]
        place.digest, place.at, place.slot = digest, at, slot
        c.n_places += 1
        c.slots[slot] = c.n_places
    return 0


cdef int put_name(Composed *c, const uint8_t *octets, int length) noexcept nogil:
    """Write the name, compressed; return where it stands as a whole, 0 if nowhere, or FAULT."""
    cdef Name name
    cdef int i, at, place, size, whole = c.written if c.written <= POINTER_LIMIT else 0
    if name_of(octets, length, &name) == FAULT:
        return FAULT
    if name.labels == 0:
        whole = 0
    for i in range(name.labels):
        at = name.offsets[i]
        place = put_place(c, name.lower + at, length - at, c.written)
        if place == FAULT:
            return FAULT
        if place:
            p16(c.message + c.written, 0xC000 | place)
            c.written += 2
            return place if i == 0 else whole
        size = 1 + octets[at]
        memcpy(c.message + c.written, octets + at, size)
        c.written += size
    c.message[c.written] = 0
    c.written += 1
    return whole


cdef int put_head(Composed *c, const uint8_t *owner, int length, int place, const uint8_t *fixed) noexcept nogil:
    """Write all that comes before the rdata; return where the owner stands, or FAULT."""
    if place:
        p16(c.message + c.written, 0xC000 | place)
        c.written += 2
    else:
        place = put_name(c, owner, length)
    if place != FAULT:
        memcpy(c.message + c.written, fixed, 2)
        p16(c.message + c.written + 2, 1)
        memcpy(c.message + c.written + 4, fixed + 4, 4)
        c.written += 10
    return place


cdef int end_record(Composed *c, int section, int begin) noexcept nogil:
    """Write the length of the rdata from ``begin`` on, and count the record; FULL if it is too long."""
    p16(c.message + begin - 2, c.written - begin)
    c.counts[section] += 1
    return FULL if c.written > c.room else 0


cdef int put_record(Composed *c, int section, const Source *source, Record *record) noexcept nogil:
    """Write the record, its names compressed where that is allowed; return 0, FULL or FAULT."""
    cdef uint8_t name[256]
    cdef int before, i, length, here = record.rdata, begin
    cdef int names = names_inside(record.rtype, &before)
    if names == 0 and c.written + 11 + record.end - here > c.room:
        return FULL
    record.place = put_head(c, record.owner, record.owner_length, record.place, record.fixed)
    if record.place == FAULT or here + before > record.end:
        return FAULT
    begin = c.written
    memcpy(c.message + begin, source.body + here, before)
    c.written += before
    here += before
    for i in range(names):
        length = read_name(source, &here, name)
        if length == FAULT or put_name(c, name, length) == FAULT:
            return FAULT
    if here > record.end:
        return FAULT
    memcpy(c.message + c.written, source.body + here, record.end - here)
    c.written += record.end - here
    return end_record(c, section, begin)
