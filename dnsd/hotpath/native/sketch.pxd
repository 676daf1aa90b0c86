# cython: cdivision=True
# Who asks for what: the twin of dnsd.hotpath.sketch, in the same memory.

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset

from dnsd.hotpath.native.limit cimport Account, prefetch
from dnsd.hotpath.native.octets cimport n16, p16
from dnsd.hotpath.native.query cimport Query, Request
from dnsd.image.demand cimport (
    COLD, CONTROL_AT, CONTROL_SIZE, CURRENT, GAPS, HEAD, HEAD_HOUR, HEAD_LONG, HEAD_NUMBER,
    HEAD_OTHER, HEAD_TAKEN, HOT, HOURS, NAME, OPEN, PAIRS, SETS, WAYS,
)
from dnsd.metrics.counters cimport C_qtype_other, KIND_ANSWER, KIND_NODATA, QTYPE_COUNTERS
from dnsd.wire.siphash cimport siphash13


cdef enum:
    HOT_WORDS = HOT // 4
    OF_PAIR = 0
    OF_SOURCE = 1
    OF_NETWORK = 2

cdef struct Sketch:
    const uint64_t *control   # NULL: there is no memory for it
    uint64_t *all_heads
    uint64_t *all_keys
    uint64_t *all_limits
    uint32_t *all_hot
    uint8_t *all_cold
    uint64_t *head            # of the window that is counted in; NULL: none is
    uint64_t *keys
    uint64_t *limits
    uint32_t *hot
    uint8_t *cold
    uint8_t key[16]


cdef struct Asked:
    bint taken                # it is sampled
    uint64_t digest
    uint64_t *limit
    uint64_t *set


cdef inline void sketch_begin(Sketch *sketch) noexcept nogil:
    """Follow control."""
    cdef uint64_t number, half
    cdef int i
    sketch.head = NULL
    if sketch.control == NULL:
        return
    number = sketch.control[CURRENT]
    if number == 0:
        return
    half = number & 1
    memcpy(sketch.key, sketch.control + CONTROL_AT + CONTROL_SIZE * half, 16)
    sketch.head = sketch.all_heads + HEAD * half
    sketch.keys = sketch.all_keys + PAIRS * half
    sketch.limits = sketch.all_limits + SETS * half
    sketch.hot = sketch.all_hot + <uint64_t>HOT_WORDS * PAIRS * half
    sketch.cold = sketch.all_cold + <uint64_t>COLD * PAIRS * half
    if sketch.head[HEAD_NUMBER] != number:
        sketch.head[HEAD_NUMBER] = 0
        memset(sketch.keys, 0, PAIRS * 8)
        for i in range(SETS):
            sketch.limits[i] = OPEN
        memset(sketch.head, 0, HEAD * 8)
        sketch.head[HEAD_NUMBER] = number


cdef inline bint is_held(int kind, int qtype) noexcept nogil:
    """Whether pairs are told apart: there are as many as clients like of all others."""
    return kind == KIND_ANSWER or (
        kind == KIND_NODATA and qtype < 512 and QTYPE_COUNTERS[qtype] != C_qtype_other
    )


cdef inline void sketch_ask(
    const Sketch *sketch, const Request *request, const Query *query, const Account *account, Asked *asked
) noexcept nogil:
    """Work out where the pair of a query would be, and have that memory brought near."""
    cdef uint8_t message[1 + 16 + 2 + NAME]
    cdef int length = 1 + request.address_length
    asked.taken = (
        sketch.head != NULL
        and is_held(account.kind, query.qtype)
        and query.name.length <= NAME
    )
    if not asked.taken:
        return
    message[0] = OF_PAIR
    memcpy(message + 1, request.address, request.address_length)
    p16(message + length, query.qtype)
    memcpy(message + length + 2, query.name.lower, query.name.length)
    asked.digest = siphash13(sketch.key, message, length + 2 + query.name.length)
    if asked.digest == 0:
        asked.digest = 1
    asked.limit = sketch.limits + (asked.digest & (SETS - 1))
    asked.set = sketch.keys + (asked.digest & (SETS - 1)) * WAYS
    prefetch(asked.set)


cdef inline int64_t sketch_place(const Sketch *sketch, const Asked *asked, bint *is_new) noexcept nogil:
    """Where the pair is, or is to be; less than 0: it is not kept."""
    cdef uint64_t largest = 0
    cdef int i, place = 0
    is_new[0] = False
    if asked.digest >= asked.limit[0]:
        return -1
    for i in range(WAYS):
        if asked.set[i] == asked.digest:
            return asked.set - sketch.keys + i
        if asked.set[i] == 0:
            is_new[0] = True
            return asked.set - sketch.keys + i
        if asked.set[i] > largest:
            largest = asked.set[i]
            place = i
    asked.limit[0] = max(asked.digest, largest)
    if asked.digest > largest:
        return -1
    is_new[0] = True
    return asked.set - sketch.keys + place


cdef inline uint32_t held(const uint8_t *response, int length, int at, bint *negative) noexcept nogil:
    """For how long caches hold the response whose records begin ``at``: its least TTL."""
    cdef int ancount = n16(response + 6), nscount = n16(response + 8), i
    cdef uint32_t least = <uint32_t>-1, ttl
    negative[0] = ancount == 0
    for i in range(ancount if ancount else nscount):
        while at < length and response[at] and response[at] & 0xC0 != 0xC0:
            at += response[at] + 1
        if at + 12 > length:
            break
        at += 2 if response[at] else 1
        ttl = <uint32_t>n16(response + at + 4) << 16 | n16(response + at + 6)
        at += 10 + n16(response + at + 8)
        least = min(least, ttl)
    return 0 if least == <uint32_t>-1 else least


cdef inline void sketch_put(
    const Sketch *sketch, int64_t place, const Request *request, const Query *query, const uint8_t *response, int length
) noexcept nogil:
    cdef uint8_t message[17]
    cdef uint8_t *cold = sketch.cold + place * COLD
    cdef uint64_t of_source, of_network
    cdef bint negative
    cdef uint32_t ttl = held(response, length, 12 + query.question, &negative)
    cdef uint16_t rtype = query.qtype
    sketch.keys[place] = 0
    memset(sketch.hot + place * HOT_WORDS, 0, HOT_WORDS * 4)
    memcpy(message + 1, request.address, request.address_length)
    message[0] = OF_SOURCE
    of_source = siphash13(sketch.key, message, 1 + request.address_length)
    message[0] = OF_NETWORK
    of_network = siphash13(sketch.key, message, 1 + (3 if request.address_length == 4 else 6))
    memset(cold, 0, COLD)
    memcpy(cold, &of_source, 8)
    memcpy(cold + 8, &of_network, 8)
    memcpy(cold + 16, &ttl, 4)
    memcpy(cold + 20, &rtype, 2)
    cold[22] = query.name.length
    cold[23] = negative
    memcpy(cold + 32, query.name.lower, query.name.length)


cdef inline void sketch_note(
    const Sketch *sketch, const Request *request, const Query *query, int kind, const Asked *asked,
    const uint8_t *response, int length
) noexcept nogil:
    """Count a query that was sent ``response``, if anything is counted."""
    cdef int64_t place
    cdef uint32_t *hot
    cdef uint32_t gap
    cdef int level = 0
    cdef bint is_new
    if sketch.head == NULL:
        return
    if not is_held(kind, query.qtype) or response[3] & 0xF:
        sketch.head[HEAD_OTHER + kind] += 1
        return
    if not asked.taken:
        sketch.head[HEAD_LONG] += 1
        return
    sketch.head[HEAD_TAKEN] += 1
    sketch.head[HEAD_HOUR + request.now // 3600 % HOURS] += 1
    place = sketch_place(sketch, asked, &is_new)
    if place < 0:
        return
    if is_new:
        sketch_put(sketch, place, request, query, response, length)
        sketch.keys[place] = asked.digest
    hot = sketch.hot + place * HOT_WORDS
    if hot[1]:
        gap = query.second - hot[0] if query.second > hot[0] else 0
        while gap > 1 and level < GAPS - 1:
            gap >>= 1
            level += 1
        hot[2 + level] += 1
    hot[0] = query.second
    hot[1] += 1
