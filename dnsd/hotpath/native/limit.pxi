# Response rate limiting: the twin of dnsd.hotpath.limiter, on the same buckets and rows.

cdef extern from *:
    """
    #include <stdint.h>

    static inline uint64_t dnsd_load(const uint64_t *at) {
        return __atomic_load_n(at, __ATOMIC_RELAXED);
    }
    /* Only if it is still what was read: other workers have the same buckets. */
    static inline int dnsd_replace(uint64_t *at, uint64_t read, uint64_t by) {
        return __atomic_compare_exchange_n(at, &read, by, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    """
    uint64_t dnsd_load(const uint64_t *at) nogil
    bint dnsd_replace(uint64_t *at, uint64_t read, uint64_t by) nogil

cdef enum:
    KIND_ANSWER, KIND_WILDCARD, KIND_ANY, KIND_REFERRAL, KIND_NODATA, KIND_NXDOMAIN, KIND_OTHER

cdef enum:
    SEND, SLIP, DROP

cdef enum:
    WAYS = 8                  # words of a set
    TIME_BITS = 40
    ROW = 8                   # words of a row
    ROW_PREFIX = 0
    ROW_ABOUT, ROW_COUNT, ROW_SINCE, ROW_LAST
    QUIET = 60
    ATTEMPTS = 4              # to replace a word that other workers replace at the same time
    TYPE_ANY = 255

cdef uint64_t TIME_MASK = (<uint64_t>1 << TIME_BITS) - 1


cdef struct Exempt:
    int octets                # of an address of its family
    uint8_t address[16]
    uint8_t mask[16]


cdef struct Limit:
    uint64_t *words           # NULL: nobody is limited
    uint64_t *rows
    uint64_t sets
    int n_rows
    uint8_t key[16]
    uint64_t interval
    uint64_t depth
    uint64_t now              # microseconds of the monotonic clock
    int slip
    int ipv4_prefix
    int ipv6_prefix
    Exempt *exempt
    int n_exempt


cdef struct Account:
    int kind
    uint64_t zone
    uint64_t name


cdef inline void charge(Account *account, uint64_t zone, int kind, uint64_t name) noexcept nogil:
    account.kind = kind
    account.zone = zone
    account.name = name


cdef bint is_exempt(const Limit *limit, const uint8_t *address, int octets) noexcept nogil:
    cdef const Exempt *one
    cdef int i, j
    for i in range(limit.n_exempt):
        one = &limit.exempt[i]
        if one.octets != octets:
            continue
        for j in range(octets):
            if (address[j] & one.mask[j]) != one.address[j]:
                break
        else:
            return True
    return False


cdef bint take(Limit *limit, uint64_t digest) noexcept nogil:
    """Take an answer out of the bucket of ``digest``, if there is one left."""
    cdef uint64_t tag = digest >> TIME_BITS, word, ahead, least, taken, read
    cdef uint64_t *first = limit.words + (digest & (limit.sets - 1)) * WAYS
    cdef int attempt, i, place
    for attempt in range(ATTEMPTS):
        place = 0
        taken = read = 0
        least = limit.depth + 1
        for i in range(WAYS):
            word = dnsd_load(first + i)
            ahead = (word - limit.now) & TIME_MASK
            if ahead > limit.depth:
                ahead = 0
            if word >> TIME_BITS == tag:
                place = i
                read = word
                taken = ahead
                break
            if ahead < least:
                place = i
                read = word
                least = ahead
        taken += limit.interval
        if taken > limit.depth:
            return False
        if dnsd_replace(first + place, read, tag << TIME_BITS | ((limit.now + taken) & TIME_MASK)):
            return True
    return True


cdef void note_limited(Limit *limit, uint64_t prefix, uint64_t about, int kind) noexcept nogil:
    """Note that an answer to ``prefix`` was withheld; who was limited least is forgotten."""
    cdef int64_t second = limit.now // 1000000
    cdef uint64_t *row
    cdef uint64_t *place = limit.rows
    cdef uint64_t count = 0, weight
    cdef bint found = False
    cdef int i
    for i in range(limit.n_rows):
        row = limit.rows + i * ROW
        weight = 0 if second - <int64_t>row[ROW_LAST] > QUIET else row[ROW_COUNT]
        if row[ROW_PREFIX] == prefix and (row[ROW_ABOUT] & 0xFFFF) == about:
            place = row
            count = weight
            found = True
            break
        if i == 0 or weight < count:
            place = row
            count = weight
    if not (found and count):
        place[ROW_PREFIX] = prefix
        place[ROW_ABOUT] = about
        place[ROW_SINCE] = second
    place[ROW_ABOUT] |= <uint64_t>1 << (16 + kind)
    place[ROW_COUNT] = count + 1
    place[ROW_LAST] = second


cdef int judge(
    Limit *limit, uint64_t *count, const uint8_t *address, int octets, const Account *account
) noexcept nogil:
    """Say what becomes of an answer to ``address``, and count it."""
    cdef uint8_t message[24]
    cdef uint64_t word, prefix
    cdef int length = limit.ipv4_prefix if octets == 4 else limit.ipv6_prefix
    cdef int family = 4 if octets == 4 else 6
    cdef int i
    if is_exempt(limit, address, octets):
        return SEND
    memset(message, 0, 8)
    memcpy(message, address, 4 if octets == 4 else 8)
    if length & 7:
        message[length >> 3] &= 0xFF << (8 - (length & 7))
    for i in range((length + 7) >> 3, 8):
        message[i] = 0
    memcpy(&prefix, message, 8)
    memcpy(message + 8, &account.zone, 8)
    word = account.name | <uint64_t>account.kind << 56 | <uint64_t>family << 60
    memcpy(message + 16, &word, 8)
    if take(limit, siphash13(limit.key, message, 24)):
        return SEND
    note_limited(limit, prefix, <uint64_t>(family << 8 | length), account.kind)
    count[C_limited] += 1
    count[C_limited_kind + account.kind] += 1
    if limit.slip and count[C_limited] % <uint64_t>limit.slip == 0:
        count[C_limited_slipped] += 1
        return SLIP
    return DROP
