# Which members of a pool a query gets: the twin of dnsd.hotpath.poolchoice and dnsd.hotpath.draws.

from libc.math cimport log
from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset

from dnsd.hotpath.native.image cimport within, Zone
from dnsd.hotpath.native.octets cimport FAULT, p16, p32, u16, u32
from dnsd.hotpath.native.query cimport Query, TYPE_RRSIG
from dnsd.image.layout cimport POOL_SIZE, SHARE_SIZE, STICKY
from dnsd.image.selection cimport (
    DENIAL_TTL, MEMBERS, MODE_ANSWER, MODE_NODATA, MODE_REFUSED, MODE_SOME, MODE_UNSET, NOTES,
)
from dnsd.wire.siphash cimport siphash13


cdef enum:
    NETWORK_IPV4 = 3          # octets of a client's address that count
    NETWORK_IPV6 = 7


cdef struct Pool:
    int members, octets
    bint is_alias             # its records are CNAME records
    uint32_t ttl, cell
    uint64_t soa[2]
    uint64_t nsec, signatures
    int take, manner
    const uint8_t *key
    uint32_t undecided
    const uint8_t *shares
    const uint8_t *rdatas


cdef struct Choice:
    Pool pool
    uint32_t mask
    uint32_t ttl
    int mode
    const uint8_t *signature  # the first one: a length, and rdata
    int signatures
    int count                 # of records
    int length                # of these, without their owner, type and class


cdef inline int weight_of(const Pool *pool, int member) noexcept nogil:
    return u16(pool.shares + SHARE_SIZE * member)


cdef inline int length_of(const Pool *pool, int member) noexcept nogil:
    return u16(pool.shares + SHARE_SIZE * member + 2)


cdef inline int read_pool(const Zone *zone, uint64_t at, Pool *pool) noexcept nogil:
    cdef const uint8_t *p
    cdef uint64_t shares, rdatas
    cdef int i
    if not within(zone, at, POOL_SIZE):
        return FAULT
    p = zone.image + at
    pool.members, pool.is_alias, pool.octets = p[0], p[1] != 0, u16(p + 2)
    pool.ttl, pool.cell = u32(p + 4), u32(p + 8)
    pool.soa[0], pool.soa[1] = <uint64_t>u32(p + 12) * 8, <uint64_t>u32(p + 16) * 8
    pool.nsec, pool.signatures = <uint64_t>u32(p + 20) * 8, <uint64_t>u32(p + 24) * 8
    pool.take, pool.manner, pool.key = p[28], p[29], p + 32
    pool.undecided = u32(p + 48)
    if not 0 < pool.members <= MEMBERS:
        return FAULT
    shares = SHARE_SIZE * <uint64_t>pool.members
    rdatas = <uint64_t>pool.members * pool.octets
    if not within(zone, at + POOL_SIZE, shares + rdatas):
        return FAULT
    pool.shares = p + POOL_SIZE
    pool.rdatas = pool.shares + shares
    for i in range(pool.members):
        if length_of(pool, i) > min(pool.octets, 255):
            return FAULT
    if pool.signatures and not within(zone, pool.signatures, <uint64_t>4 << pool.members):
        return FAULT
    return FAULT if zone.words != NULL and pool.cell + NOTES + pool.members > zone.cells else 0


cdef inline uint32_t draw_below(uint64_t *state, uint32_t end) noexcept nogil:
    """A random number (SplitMix64) from 0 to ``end`` - 1."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15ULL
    z = state[0]
    z = (z ^ z >> 30) * <uint64_t>0xBF58476D1CE4E5B9ULL
    z = (z ^ z >> 27) * <uint64_t>0x94D049BB133111EBULL
    z ^= z >> 31
    return (z >> 32) * end >> 32


cdef inline int one_of(const Pool *pool, uint32_t mask, uint64_t *draws) noexcept nogil:
    """One member of the mask by weight; if none has any, all have the same."""
    cdef uint32_t total = 0, place, weight
    cdef int i, alike = 0
    for i in range(pool.members):
        if mask >> i & 1:
            total += weight_of(pool, i)
            alike += 1
    place = draw_below(draws, total if total else alike)
    for i in range(pool.members):
        if mask >> i & 1:
            weight = weight_of(pool, i) if total else 1
            if place < weight:
                return i
            place -= weight
    return 0


cdef inline int count_of(uint32_t mask) noexcept nogil:
    cdef int count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


cdef inline uint32_t several_of(const Pool *pool, uint32_t mask, uint64_t *draws) noexcept nogil:
    """Members of the mask, drawn one after the other by weight; all if there are no more."""
    cdef uint32_t chosen = 0
    cdef int i
    if count_of(mask) <= pool.take:
        return mask
    for i in range(pool.take):
        chosen |= <uint32_t>1 << one_of(pool, mask & ~chosen, draws)
    return chosen


cdef inline uint32_t steady_of(const Pool *pool, uint32_t mask, const Query *query) noexcept nogil:
    """The member of the mask that the client's network gets: rendezvous hashing by weight."""
    cdef uint8_t hashed[8 + 255]  # the network, the rdata
    cdef uint32_t total = 0, weight, best = 0
    cdef double cost, least = 0
    cdef int i, size
    memset(hashed, 0, 8)
    memcpy(hashed, query.client, NETWORK_IPV4 if query.client_length == 4 else NETWORK_IPV6)
    for i in range(pool.members):
        if mask >> i & 1:
            total += weight_of(pool, i)
    for i in range(pool.members):
        weight = (weight_of(pool, i) if total else 1) if mask >> i & 1 else 0
        if weight:
            size = length_of(pool, i)
            memset(hashed + 8, 0, 16)
            memcpy(hashed + 8, pool.rdatas + i * pool.octets, size)
            size = 8 + max(size, 16)
            cost = -log(<double>((siphash13(pool.key, hashed, size) >> 11) + 0.5) / 9007199254740992.0) / weight
            if best == 0 or cost < least:
                best, least = <uint32_t>1 << i, cost
    return best


cdef inline int find_signatures(const Zone *zone, Choice *choice) noexcept nogil:
    """Find the signatures of what is chosen, and count them in."""
    cdef uint64_t at = <uint64_t>u32(zone.image + choice.pool.signatures + 4 * <uint64_t>choice.mask) * 8
    cdef uint64_t end
    cdef int i
    if at == 0:
        return 0
    if not within(zone, at, 2):
        return FAULT
    choice.signatures = u16(zone.image + at)
    end = at + 2
    choice.signature = zone.image + end
    for i in range(choice.signatures):
        if not within(zone, end, 2) or not within(zone, end + 2, u16(zone.image + end)):
            return FAULT
        choice.length += 6 + u16(zone.image + end)
        end += 2 + u16(zone.image + end)
    choice.count += choice.signatures
    return 0


cdef inline void note(const Zone *zone, uint32_t cell, uint32_t until) noexcept nogil:
    """Note until when caches may hold the answer."""
    if until > zone.notes[cell]:
        zone.notes[cell] = until


cdef inline int choose(
    const Zone *zone, uint64_t pool_at, bint signed_, const Query *query, Choice *choice
) noexcept nogil:
    """Choose what the query gets of the pool at ``pool_at``, and note it; count the query."""
    cdef Pool *pool = &choice.pool
    cdef uint64_t word = 0
    cdef uint32_t note_index, second = query.second
    cdef int i
    if read_pool(zone, pool_at, pool) == FAULT:
        return FAULT
    if zone.words != NULL:
        word = zone.words[pool.cell]
        zone.counts[pool.cell] += 1
    choice.mode = word >> 56 & 7
    if choice.mode > MODE_SOME:
        return FAULT
    choice.mask = <uint32_t>word
    choice.ttl = word >> 32 & 0xFFFFFF
    choice.count = choice.length = choice.signatures = 0
    if choice.mode == MODE_UNSET:
        choice.mask = pool.undecided
        choice.ttl = pool.ttl
    elif choice.mode == MODE_SOME:
        choice.mask &= <uint32_t>((<uint64_t>1 << pool.members) - 1)
        if pool.manner == STICKY:
            choice.mask = steady_of(pool, choice.mask, query)
        else:
            choice.mask = several_of(pool, choice.mask, query.draws)
        for i in range(pool.members):
            if choice.mask >> i & 1:
                note(zone, pool.cell + NOTES + i, second + choice.ttl)
    elif choice.mode == MODE_ANSWER or choice.mode == MODE_NODATA:
        note_index = word >> 59
        if note_index >= NOTES:
            return FAULT
        note(zone, pool.cell + note_index, second + (choice.ttl if choice.mode == MODE_ANSWER else DENIAL_TTL))
    if MODE_NODATA <= choice.mode <= MODE_REFUSED:
        return 0
    choice.mask &= <uint32_t>((<uint64_t>1 << pool.members) - 1)
    choice.count = count_of(choice.mask)
    choice.length = 6 * choice.count
    for i in range(pool.members):
        if choice.mask >> i & 1:
            choice.length += length_of(pool, i)
    if signed_ and pool.signatures:
        return find_signatures(zone, choice)
    return 0


cdef inline int put_chosen(const Choice *choice, uint8_t *template, int size, uint8_t *out) noexcept nogil:
    """Write the chosen records behind their template; return the length.

    It has ``size`` octets, and room for a TTL and a length behind them.
    """
    cdef const Pool *pool = &choice.pool
    cdef const uint8_t *signature = choice.signature
    cdef uint8_t *at = out
    cdef int i, length
    if choice.count == 0:
        return 0
    p32(template + size, choice.ttl)
    size += 6
    for i in range(pool.members):
        if choice.mask >> i & 1:
            length = length_of(pool, i)
            p16(template + size - 2, length)
            if size == 12 and length == 4:  # so that copying needs no call
                memcpy(at, template, 12)
                memcpy(at + 12, pool.rdatas + i * pool.octets, 4)
            else:
                memcpy(at, template, size)
                memcpy(at + size, pool.rdatas + i * pool.octets, length)
            at += size + length
    p16(template + size - 10, TYPE_RRSIG)
    for i in range(choice.signatures):
        length = u16(signature)
        p16(template + size - 2, length)
        memcpy(at, template, size)
        memcpy(at + size, signature + 2, length)
        at += size + length
        signature += 2 + length
    return <int>(at - out)
