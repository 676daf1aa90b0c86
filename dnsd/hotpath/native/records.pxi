# Records of an answer in the making, read from blocks and written compressed: the twin of
# dnsd.wire.records. Every table has its limit; what goes beyond is a FAULT.

cdef enum:
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_PTR = 12
    TYPE_MX = 15
    TYPE_DNAME = 39
    YXDOMAIN = 6
    MAX_LINKS = 16
    MAX_RECORDS = 200
    MAX_GROUPS = 64
    MAX_PLACES = 4096         # a chain of names of 127 labels needs some 2,100
    PLACE_SLOTS = 8192
    HEAP = 40000
    POINTER_LIMIT = 0x3FFF
    ANSWER = 0
    AUTHORITY = 1
    GLUE = 2
    OPTIONAL = 3              # the first group of records that may be left out


cdef struct Record:
    const uint8_t *octets     # owner, type, TTL, rdata, all names uncompressed
    int length
    int owner
    int section


cdef struct Written:
    const uint8_t *name       # in lower case
    int length
    int at


cdef struct Composed:
    Record records[MAX_RECORDS]
    int n_records
    int links
    int groups
    uint8_t message[16 + 256 + LARGEST + 1]   # a block behind a question, to be read
    uint8_t heap[HEAP]                        # of the records
    int used
    uint8_t name[256]                         # where the chain has led to, as it is spelled
    int name_length
    uint8_t seen[MAX_LINKS + 2][256]
    Written places[MAX_PLACES]
    int n_places
    uint16_t slots[PLACE_SLOTS]
    uint8_t folded[HEAP]
    int n_folded
    uint8_t octets[LARGEST]
    int written
    int start                 # of the octets in their message
    int counts[2]
    int ends[MAX_GROUPS + 1]
    int arcounts[MAX_GROUPS + 1]


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
        name.lower[i] = _lower[octets[i]]
    name.length = length
    return 0


cdef int read_name(const uint8_t *message, int size, int *at, uint8_t *out) noexcept nogil:
    """Write the name at ``at`` uncompressed; return its length or FAULT, move ``at`` behind it."""
    cdef int here = at[0], begin = at[0], end = 0, n = 0, length
    while here < size and message[here]:
        length = message[here]
        if length >= 0xC0:
            if here + 1 >= size or (n16(message + here) & 0x3FFF) >= begin:
                return FAULT
            if end == 0:
                end = here + 2
            begin = here = n16(message + here) & 0x3FFF
            continue
        if length > 63 or here + 1 + length > size or n + 1 + length > 254:
            return FAULT
        memcpy(out + n, message + here, 1 + length)
        n += 1 + length
        here += 1 + length
    if here >= size:
        return FAULT
    out[n] = 0
    at[0] = end if end else here + 1
    return n + 1


cdef inline int names_inside(int rtype, int *before) noexcept nogil:
    """How many names in the rdata may be compressed, and the octets before them."""
    before[0] = 2 if rtype == TYPE_MX else 0
    if rtype == TYPE_SOA:
        return 2
    return rtype == TYPE_NS or rtype == TYPE_CNAME or rtype == TYPE_PTR or rtype == TYPE_MX


cdef int read_record(Composed *c, int size, int *at, Record *record) noexcept nogil:
    """Read the record at ``at`` to the end of the heap, where it may be overwritten."""
    cdef uint8_t *out = c.heap + c.used
    cdef int n, here, end, before, i, length
    if HEAP - c.used < 1024:
        return FAULT
    n = record.owner = read_name(c.message, size, at, out)
    here = at[0] + 10
    if n == FAULT or here > size:
        return FAULT
    end = here + n16(c.message + here - 2)
    if end > size or end - here > HEAP - c.used - 1024:
        return FAULT
    memcpy(out + n, c.message + here - 10, 2)
    memcpy(out + n + 2, c.message + here - 6, 4)
    n += 6
    length = names_inside(n16(out + n - 6), &before)
    memcpy(out + n, c.message + here, before)
    n += before
    here += before
    for i in range(length):
        before = read_name(c.message, size, &here, out + n)
        if before == FAULT:
            return FAULT
        n += before
    if here > end:
        return FAULT
    memcpy(out + n, c.message + here, end - here)
    record.octets = out
    record.length = n + end - here
    at[0] = end
    return 0


cdef inline int record_type(const Record *record) noexcept nogil:
    return n16(record.octets + record.owner)


cdef int keep(Composed *c, Record *record, int section) noexcept nogil:
    """Keep the record at the heap's end if its section lacks it; return its index or FAULT."""
    cdef int i
    for i in range(c.n_records if section < OPTIONAL else 0):
        if c.records[i].section == section and c.records[i].length == record.length:
            if memcmp(c.records[i].octets, record.octets, record.length) == 0:
                return i
    if c.n_records == MAX_RECORDS:
        return FAULT
    record.section = section
    c.records[c.n_records] = record[0]
    c.n_records += 1
    c.used += record.length
    c.links += section == ANSWER and record_type(record) == TYPE_CNAME
    return c.n_records - 1


cdef int keep_all(Composed *c, int size, int *at, int count, int section) noexcept nogil:
    cdef Record record
    cdef int i
    for i in range(count):
        if read_record(c, size, at, &record) == FAULT or keep(c, &record, section) == FAULT:
            return FAULT
    return 0


cdef int unfold(Composed *c, const Block *block, const uint8_t *name, int length) noexcept nogil:
    """Lay the block out behind a question for ``name``; return where the message ends."""
    cdef int start = 16 + length
    cdef int end = u16(block.pointers - 4) if block.n_optional else block.length
    memcpy(c.message + 12, name, length)
    memset(c.message + 12 + length, 0, 4)
    memcpy(c.message + start, block.body, end)
    move(block, c.message + start, end, 0, 0, length - block.base, 0)
    return start + end


cdef int unfold_pool(Composed *c, const Body *body) noexcept nogil:
    """Lay out a block that ends in a pool, as :func:`unfold` does, with what is chosen."""
    cdef int start = 16 + c.name_length
    memcpy(c.message + 12, c.name, c.name_length)
    memset(c.message + 12 + c.name_length, 0, 4)
    return start + put_pool(body, c.name_length, LARGEST, c.message + start)


cdef int put_place(Composed *c, const uint8_t *name, int length, uint32_t digest, int at) noexcept nogil:
    """Return where ``name`` (in lower case) has been written; else note ``at`` and return 0."""
    cdef uint32_t slot = digest & (PLACE_SLOTS - 1)
    cdef Written *place
    while c.slots[slot]:
        place = &c.places[c.slots[slot] - 1]
        if place.length == length and memcmp(place.name, name, length) == 0:
            return place.at
        slot = (slot + 1) & (PLACE_SLOTS - 1)
    if at <= POINTER_LIMIT:
        if c.n_places == MAX_PLACES:
            return FAULT
        place = &c.places[c.n_places]
        place.name, place.length, place.at = name, length, at
        c.n_places += 1
        c.slots[slot] = c.n_places
    return 0


cdef int put_name(Composed *c, const uint8_t *octets, int length) noexcept nogil:
    """Write the name, compressed."""
    cdef Name name
    cdef uint32_t digests[128]
    cdef uint32_t digest = 0
    cdef uint8_t *folded = c.folded + c.n_folded
    cdef int i, j, place, size
    if name_of(octets, length, &name) == FAULT or HEAP - c.n_folded < length:
        return FAULT
    if LARGEST - c.written < length:
        return FAULT
    memcpy(folded, name.lower, length)
    c.n_folded += length
    for i in range(name.labels - 1, -1, -1):
        for j in range(folded[name.offsets[i]] + 1):
            digest = (digest ^ folded[name.offsets[i] + j]) * <uint32_t>16777619
        digests[i] = digest ^ digest >> 15
    for i in range(name.labels):
        j = name.offsets[i]
        place = put_place(c, folded + j, length - j, digests[i], c.start + c.written)
        if place == FAULT:
            return FAULT
        if place:
            p16(c.octets + c.written, 0xC000 | place)
            c.written += 2
            return 0
        size = 1 + octets[j]
        memcpy(c.octets + c.written, octets + j, size)
        c.written += size
    c.octets[c.written] = 0
    c.written += 1
    return 0


cdef int put_record(Composed *c, const Record *record) noexcept nogil:
    """Write the record, its names compressed where that is allowed."""
    cdef const uint8_t *rdata = record.octets + record.owner + 6
    cdef const uint8_t *end = record.octets + record.length
    cdef int before, i, length, count, begin
    if put_name(c, record.octets, record.owner) == FAULT:
        return FAULT
    if LARGEST - c.written < 10 + (end - rdata):
        return FAULT
    begin = c.written + 10
    memcpy(c.octets + c.written, rdata - 6, 2)
    p16(c.octets + c.written + 2, 1)
    memcpy(c.octets + c.written + 4, rdata - 4, 4)
    c.written = begin
    count = names_inside(record_type(record), &before)
    memcpy(c.octets + c.written, rdata, before)
    c.written += before
    rdata += before
    for i in range(count):
        length = 1
        while rdata < end and rdata[length - 1]:
            length += 1 + rdata[length - 1]
            if length > end - rdata:
                return FAULT
        if put_name(c, rdata, length) == FAULT:
            return FAULT
        rdata += length
    if LARGEST - c.written < end - rdata:
        return FAULT
    memcpy(c.octets + c.written, rdata, end - rdata)
    c.written += <int>(end - rdata)
    p16(c.octets + begin - 2, c.written - begin)
    return 0
