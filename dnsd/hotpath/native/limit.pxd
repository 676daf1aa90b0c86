# cython: cdivision=True
# Response rate limiting: the twin of dnsd.hotpath.limiter, on the same buckets and rows.

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

from dnsd.image.buckets cimport (
    BUCKETROW_ABOUT, BUCKETROW_COUNT, BUCKETROW_LAST, BUCKETROW_PREFIX, BUCKETROW_SINCE, QUIET,
    ROW, TIME_BITS, WAYS,
)
from dnsd.metrics.counters cimport C_limited, C_limited_answer, C_limited_slipped
from dnsd.wire.siphash cimport siphash13_words


cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *at) nogil

cdef enum:
    SEND, SLIP, DROP


cdef struct Exempt:
    int octets                # of an address of its family
    uint8_t address[16]
    uint8_t mask[16]


cdef struct Limit:
    uint64_t *words           # NULL: nothing is limited
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
    uint64_t masks[2]         # of these, in the order of an address in memory
    Exempt *exempt
    int n_exempt


cdef struct Account:
    int kind
    uint64_t zone
    uint64_t name


cdef struct Bucket:
    uint64_t prefix
    uint64_t about            # as in a row: family and length of the prefix
    uint64_t digest


cdef inline uint64_t time_mask() noexcept nogil:
    return (<uint64_t>1 << TIME_BITS) - 1


cdef inline void charge(Account *account, uint64_t zone, int kind, uint64_t name) noexcept nogil:
    account.kind = kind
    account.zone = zone
    account.name = name


cdef inline uint64_t mask_of(int length) noexcept nogil:
    """The first ``length`` bits of an address, as eight of its octets lie in memory."""
    cdef uint8_t octets[8]
    cdef uint64_t mask
    cdef int i
    for i in range(8):
        octets[i] = 0xFF00 >> min(max(length - 8 * i, 0), 8) & 0xFF
    memcpy(&mask, octets, 8)
    return mask


cdef inline int limit_as(
    Limit *limit, limiter, uint64_t *words, uint64_t *rows, int n_rows
) except -1:
    """Take over what ``limiter`` (:mod:`dnsd.hotpath.limiter`) limits, and whom it exempts."""
    cdef bytes key = limiter.memory.key, address, mask
    cdef int i
    if len(key) != 16:
        raise ValueError("the key of rate limits has 16 octets")
    memcpy(limit.key, PyBytes_AS_STRING(key), 16)
    limit.sets, limit.interval, limit.depth = limiter.sets, limiter.interval, limiter.depth
    law = limiter.law
    limit.slip = law.slip
    limit.ipv4_prefix, limit.ipv6_prefix = law.ipv4_prefix, law.ipv6_prefix
    limit.masks[0], limit.masks[1] = mask_of(law.ipv4_prefix), mask_of(law.ipv6_prefix)
    limit.exempt = <Exempt *>calloc(len(limiter.exempt) + 1, sizeof(Exempt))
    if limit.exempt == NULL:
        raise MemoryError
    for i, network in enumerate(limiter.exempt):
        address, mask = network.network_address.packed, network.netmask.packed
        limit.exempt[i].octets = len(address)
        memcpy(limit.exempt[i].address, PyBytes_AS_STRING(address), len(address))
        memcpy(limit.exempt[i].mask, PyBytes_AS_STRING(mask), len(mask))
    limit.n_exempt = len(limiter.exempt)
    limit.words, limit.rows, limit.n_rows = words, rows, n_rows
    return 0


cdef inline bint is_exempt(const Limit *limit, const uint8_t *address, int octets) noexcept nogil:
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


cdef inline uint64_t *set_of(const Limit *limit, uint64_t digest) noexcept nogil:
    return limit.words + (digest & (limit.sets - 1)) * WAYS


cdef inline bint take(Limit *limit, uint64_t digest) noexcept nogil:
    """Take an answer out of the bucket of ``digest``, if there is one left.

    Another worker may do so in the same ten nanoseconds, then it costs one answer and not two:
    that is cheaper than to have it out (a locked instruction costs as much as all the rest).
    """
    cdef uint64_t tag = digest >> TIME_BITS, word, ahead, least = limit.depth + 1, taken = 0
    cdef uint64_t *first = set_of(limit, digest)
    cdef int i, place = 0
    for i in range(WAYS):
        word = first[i]
        ahead = (word - limit.now) & time_mask()
        if ahead > limit.depth:
            ahead = 0
        if word >> TIME_BITS == tag:
            place = i
            taken = ahead
            break
        if ahead < least:
            place = i
            least = ahead
    taken += limit.interval
    if taken > limit.depth:
        return False
    first[place] = tag << TIME_BITS | ((limit.now + taken) & time_mask())
    return True


cdef inline void note_limited(Limit *limit, uint64_t prefix, uint64_t about, int kind) noexcept nogil:
    """Note that an answer to ``prefix`` was withheld; the one limited least is forgotten."""
    cdef int64_t second = limit.now // 1000000
    cdef uint64_t *row
    cdef uint64_t *place = limit.rows
    cdef uint64_t count = 0, weight
    cdef bint found = False
    cdef int i
    for i in range(limit.n_rows):
        row = limit.rows + i * ROW
        weight = 0 if second - <int64_t>row[BUCKETROW_LAST] > QUIET else row[BUCKETROW_COUNT]
        if row[BUCKETROW_PREFIX] == prefix and (row[BUCKETROW_ABOUT] & 0xFFFF) == about:
            place = row
            count = weight
            found = True
            break
        if i == 0 or weight < count:
            place = row
            count = weight
    if not (found and count):
        place[BUCKETROW_PREFIX] = prefix
        place[BUCKETROW_ABOUT] = about
        place[BUCKETROW_SINCE] = second
    place[BUCKETROW_ABOUT] |= <uint64_t>1 << (16 + kind)
    place[BUCKETROW_COUNT] = count + 1
    place[BUCKETROW_LAST] = second


cdef inline bint weigh(
    const Limit *limit, const uint8_t *address, int octets, const Account *account, Bucket *bucket
) noexcept nogil:
    """Find the bucket of an answer, and have its memory brought near; False if there is none."""
    cdef uint64_t name
    cdef int family = 4 if octets == 4 else 6
    if limit.words == NULL or is_exempt(limit, address, octets):
        return False
    bucket.prefix = 0
    memcpy(&bucket.prefix, address, 4 if octets == 4 else 8)
    bucket.prefix &= limit.masks[octets != 4]
    bucket.about = family << 8 | (limit.ipv4_prefix if octets == 4 else limit.ipv6_prefix)
    name = account.name | <uint64_t>account.kind << 56 | <uint64_t>family << 60
    bucket.digest = siphash13_words(limit.key, bucket.prefix, account.zone, name)
    prefetch(set_of(limit, bucket.digest))
    return True


cdef inline int judge(Limit *limit, uint64_t *count, const Bucket *bucket, int kind) noexcept nogil:
    """Say what becomes of an answer out of ``bucket``, and count it."""
    if take(limit, bucket.digest):
        return SEND
    note_limited(limit, bucket.prefix, bucket.about, kind)
    count[C_limited] += 1
    count[C_limited_answer + kind] += 1
    if limit.slip and count[C_limited] % <uint64_t>limit.slip == 0:
        count[C_limited_slipped] += 1
        return SLIP
    return DROP
