# Records that are written: compressed, each RRset once, and nothing beyond the room there is.

from libc.stdint cimport uint16_t, uint64_t, uint8_t
from libc.string cimport memcpy

from dnsd.hotpath.native.octets cimport FAULT, FULL, lower8, n16, p16
from dnsd.hotpath.native.records cimport (
    Composed, DIGESTS, MAX_PLACES, MAX_RUNS, names_inside, POINTER_LIMIT, read_name, Record,
    Source, Written,
)
from dnsd.image.layout cimport POINTER_LIMIT
from dnsd.wire.siphash cimport siphash13, siphash13_of


cdef inline uint64_t content_of(Composed *c, const uint8_t *owner, int length, const uint8_t *fixed, int rest) noexcept nogil:
    """The digest of a record whose rdata, ``rest`` octets, is in its place in ``c.content``."""
    memcpy(c.content, owner, length)
    memcpy(c.content + length, fixed, 2)
    memcpy(c.content + length + 2, fixed + 4, 4)
    return siphash13(c.key, c.content, length + 6 + rest)


cdef inline int note_run(Composed *c, int section, uint64_t digest, int earlier) noexcept nogil:
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


cdef inline int is_repeated(Composed *c, int section, const Source *source, const Record *record, int earlier) noexcept nogil:
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


cdef inline void forget_places(Composed *c) noexcept nogil:
    cdef int i
    for i in range(c.n_places):
        c.by_digest[c.places[i].index] = 0
    c.n_places = 0


cdef inline uint64_t label_digest(const Composed *c, const uint8_t *label, uint64_t rest) noexcept nogil:
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


cdef inline int index_of(const Composed *c, uint64_t digest) noexcept nogil:
    """Where the name stands in ``by_digest``, or would stand: then nothing is there.

    Digests have 64 bits and a key: that two names have the same one does not happen.
    """
    cdef int index = digest & (DIGESTS - 1)
    while c.by_digest[index] and c.places[c.by_digest[index] - 1].digest != digest:
        index = (index + 1) & (DIGESTS - 1)
    return index


cdef inline int place_of(const Composed *c, int index) noexcept nogil:
    """Where the name at ``index`` of ``by_digest`` has been written; 0 if none is there."""
    return c.places[c.by_digest[index] - 1].at if c.by_digest[index] else 0


cdef inline int note_place(Composed *c, int index, uint64_t digest) noexcept nogil:
    """Note that the name is about to be written."""
    cdef Written *place = &c.places[c.n_places]
    if c.written > POINTER_LIMIT:
        return 0
    if c.n_places == MAX_PLACES:
        return FAULT
    place.digest, place.at, place.index = digest, c.written, index
    c.n_places += 1
    c.by_digest[index] = c.n_places
    return 0


cdef struct Labels:
    int count
    const uint8_t *at[128]
    uint16_t pointer[128]     # the one that led to the label, or 0
    uint64_t rest             # digest of what follows the labels: 0 is the root
    bint is_known             # what follows is not taken apart, because a pointer to it is known


cdef inline int take_apart(
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


cdef inline int put_name(Composed *c, const Source *source, int *at) noexcept nogil:
    """Write the name at ``at``, compressed, and move ``at`` behind it.

    Return where it stands as a whole, 0 if nowhere, or FAULT.
    """
    cdef Labels labels
    cdef uint64_t digests[129]
    cdef int i, index, place, size, begin = at[0]
    cdef int whole = c.written if c.written <= POINTER_LIMIT else 0
    if take_apart(c, source, at, &labels, False) == FAULT:
        return FAULT
    if labels.is_known and place_of(c, index_of(c, labels.rest)) == 0:
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
        index = index_of(c, digests[i])
        place = place_of(c, index)
        if place:
            p16(c.message + c.written, 0xC000 | place)
            c.written += 2
            return place if i == 0 else whole
        if note_place(c, index, digests[i]) == FAULT:
            return FAULT
        size = 1 + labels.at[i][0]
        memcpy(c.message + c.written, labels.at[i], size)
        c.written += size
    c.message[c.written] = 0
    c.written += 1
    return whole if labels.count else 0


cdef inline int put_octets(Composed *c, const uint8_t *octets, int length) noexcept nogil:
    """Write the uncompressed name, as :func:`put_name` does."""
    cdef Source source
    cdef int at = 0
    source.body, source.end, source.stamp = octets, length, 0
    return put_name(c, &source, &at)


cdef inline int put_head(Composed *c, const uint8_t *owner, int length, int place, const uint8_t *fixed) noexcept nogil:
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


cdef inline int end_record(Composed *c, int section, int begin) noexcept nogil:
    """Write the length of the rdata from ``begin`` on, and count the record; FULL if it is too long."""
    p16(c.message + begin - 2, c.written - begin)
    c.counts[section] += 1
    return FULL if c.written > c.room else 0


cdef inline int put_record(Composed *c, int section, const Source *source, Record *record) noexcept nogil:
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
