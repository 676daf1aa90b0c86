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
    uint16_t slot


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
    uint16_t slots[PLACE_SLOTS]
    int n_places
    Known known[POINTER_LIMIT + 1]
    uint32_t stamps


cdef inline uint64_t lower8(uint64_t octets) noexcept nogil:
    """Eight octets, ASCII letters in lower case."""
    cdef uint64_t ones = 0x0101010101010101ULL
    cdef uint64_t low = octets & 127 * ones
    cdef uint64_t letters = low + (128 - 65) * ones & ~(low + (128 - 91) * ones) & ~octets & 128 * ones
    return octets | letters >> 2


cdef int name_of(const uint8_t *octets, int length, Name *name) noexcept nogil:
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


cdef void read_from(Composed *c, Source *source, const Block *block, const uint8_t *name, int length, Record *record) noexcept nogil:
    """Begin to read the block's records, as they are for a query for ``name``."""
    c.stamps += 1
    source.stamp = c.stamps
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


cdef uint64_t label_digest(const Composed *c, const uint8_t *label, uint64_t rest) noexcept nogil:
    """The digest of a name from that of what follows its first label."""
    cdef uint64_t words[9]
    cdef int i, count = 1 + (label[0] >> 3)
    words[0] = rest
    words[count] = 0
    if label[0] < 4:              # octets just stored would make the load of a word wait
        for i in range(1 + label[0]):
            words[1] |= <uint64_t>label[i] << 8 * i
    else:
        memcpy(words + 1, label, 1 + label[0])
    for i in range(1, count + 1):
        words[i] = lower8(words[i])
    return siphash13_of(c.key, words, 1 + count)


cdef inline int slot_of(const Composed *c, uint64_t digest) noexcept nogil:
    """The slot of the name, or the empty one that it would have.

    Digests have 64 bits and a key: that two names have the same one does not happen.
    """
    cdef int slot = digest & (PLACE_SLOTS - 1)
    while c.slots[slot] and c.places[c.slots[slot] - 1].digest != digest:
        slot = (slot + 1) & (PLACE_SLOTS - 1)
    return slot


cdef inline int place_of(const Composed *c, int slot) noexcept nogil:
    """Where the name in ``slot`` has been written; 0 if the slot is empty."""
    return c.places[c.slots[slot] - 1].at if c.slots[slot] else 0


cdef int note_place(Composed *c, int slot, uint64_t digest) noexcept nogil:
    """Note that the name is about to be written."""
    cdef Written *place = &c.places[c.n_places]
    if c.written > POINTER_LIMIT:
        return 0
    if c.n_places == MAX_PLACES:
        return FAULT
    place.digest, place.at, place.slot = digest, c.written, slot
    c.n_places += 1
    c.slots[slot] = c.n_places
    return 0


cdef struct Labels:
    int count
    const uint8_t *at[128]
    uint16_t pointer[128]     # the one that led to the label, or 0
    uint64_t rest             # digest of what follows the labels: 0 is the root
    bint is_known             # what follows is not taken apart, because a pointer to it is known


cdef int take_apart(
    const Composed *c, const Source *source, int *at, Labels *labels, bint whole
) noexcept nogil:
    """Find the labels of the name at ``at``, and move ``at`` behind it; return 0 or FAULT.

    Unless they are wanted as a ``whole``, a pointer that is known ends them.
    """
    cdef const uint8_t *octets = source.body
    cdef int size = source.end, here = at[0], begin = here, end = 0, total = 0, length, pointer = 0
    labels.count = 0
    labels.rest = 0
    labels.is_known = False
    while here < size and octets[here]:
        length = octets[here]
        if length <= 63:
            total += 1 + length
            if here + 1 + length > size or total > 254 or labels.count == 127:
                return FAULT
            labels.at[labels.count] = octets + here
            labels.pointer[labels.count] = pointer
            labels.count += 1
            pointer = 0
            here += 1 + length
            continue
        if length < 0xC0 or here + 1 >= size or octets != source.body:
            return FAULT
        if end == 0:
            end = here + 2
        pointer = n16(octets + here) & 0x3FFF
        if c.known[pointer].stamp == source.stamp and not whole:
            labels.rest = c.known[pointer].digest
            labels.is_known = True
            at[0] = end
            return 0
        here = pointer - 16 - source.base
        if here >= begin:
            return FAULT
        if here < 0:
            here = 0 if pointer == 12 else pointer - 12 + source.length - source.base
            if pointer < 12 or pointer >= 12 + source.base or here < 0:
                return FAULT
            octets, size = source.name, source.length
        begin = here
    if here >= size:
        return FAULT
    at[0] = end if end else here + 1
    return 0


cdef int put_name(Composed *c, const Source *source, int *at) noexcept nogil:
    """Write the name at ``at``, compressed, and move ``at`` behind it.

    Return where it stands as a whole, 0 if nowhere, or FAULT.
    """
    cdef Labels labels
    cdef uint64_t digests[129]
    cdef int i, slot, place, size, begin = at[0]
    cdef int whole = c.written if c.written <= POINTER_LIMIT else 0
    if take_apart(c, source, at, &labels, False) == FAULT:
        return FAULT
    if labels.is_known and place_of(c, slot_of(c, labels.rest)) == 0:
        at[0] = begin             # it is known, but stands too far behind to be pointed to
        if take_apart(c, source, at, &labels, True) == FAULT:
            return FAULT
    digests[labels.count] = labels.rest
    for i in range(labels.count - 1, -1, -1):
        digests[i] = label_digest(c, labels.at[i], digests[i + 1])
        if labels.pointer[i]:
            c.known[labels.pointer[i]].digest = digests[i]
            c.known[labels.pointer[i]].stamp = source.stamp
    for i in range(labels.count + labels.is_known):
        slot = slot_of(c, digests[i])
        place = place_of(c, slot)
        if place:
            p16(c.message + c.written, 0xC000 | place)
            c.written += 2
            return place if i == 0 else whole
        if note_place(c, slot, digests[i]) == FAULT:
            return FAULT
        size = 1 + labels.at[i][0]
        memcpy(c.message + c.written, labels.at[i], size)
        c.written += size
    c.message[c.written] = 0
    c.written += 1
    return whole if labels.count else 0


cdef int put_octets(Composed *c, const uint8_t *octets, int length) noexcept nogil:
    """Write the uncompressed name, as :func:`put_name` does."""
    cdef Source source
    cdef int at = 0
    source.body, source.end, source.stamp = octets, length, 0
    return put_name(c, &source, &at)


cdef int put_head(Composed *c, const uint8_t *owner, int length, int place, const uint8_t *fixed) noexcept nogil:
    """Write all that comes before the rdata; return where the owner stands, or FAULT."""
    if place:
        p16(c.message + c.written, 0xC000 | place)
        c.written += 2
    else:
        place = put_octets(c, owner, length)
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
    cdef int before, i, here = record.rdata, begin
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
        if put_name(c, source, &here) == FAULT:
            return FAULT
    if here > record.end:
        return FAULT
    memcpy(c.message + c.written, source.body + here, record.end - here)
    c.written += record.end - here
    return end_record(c, section, begin)
