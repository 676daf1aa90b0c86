# SipHash for the native modules: the twin of dnsd.wire.siphash.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy


cdef inline uint64_t rotl64(uint64_t x, int b) noexcept nogil:
    return x << b | x >> (64 - b)


cdef inline void sip_round(uint64_t *v) noexcept nogil:
    v[0] += v[1]
    v[1] = rotl64(v[1], 13) ^ v[0]
    v[0] = rotl64(v[0], 32)
    v[2] += v[3]
    v[3] = rotl64(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = rotl64(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = rotl64(v[1], 17) ^ v[2]
    v[2] = rotl64(v[2], 32)


cdef inline void sip_begin(uint64_t *v, const uint8_t *key) noexcept nogil:
    cdef uint64_t k0, k1
    memcpy(&k0, key, 8)
    memcpy(&k1, key + 8, 8)
    v[0] = k0 ^ <uint64_t>0x736F6D6570736575ULL
    v[1] = k1 ^ <uint64_t>0x646F72616E646F6DULL
    v[2] = k0 ^ <uint64_t>0x6C7967656E657261ULL
    v[3] = k1 ^ <uint64_t>0x7465646279746573ULL


cdef inline uint64_t sip_end(uint64_t *v, int rounds) noexcept nogil:
    cdef int i
    v[2] ^= 0xFF
    for i in range(rounds):
        sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef inline uint64_t siphash(
    const uint8_t *key, const uint8_t *message, int length, int compress, int finish
) noexcept nogil:
    cdef uint64_t word
    cdef uint64_t v[4]
    cdef int at = 0, i
    sip_begin(v, key)
    while True:
        if at + 8 <= length:
            memcpy(&word, message + at, 8)
        else:
            word = <uint64_t>(length & 0xFF) << 56
            for i in range(length - at):
                word |= <uint64_t>message[at + i] << (8 * i)
        v[3] ^= word
        for i in range(compress):
            sip_round(v)
        v[0] ^= word
        if at + 8 > length:
            break
        at += 8
    return sip_end(v, finish)


cdef inline uint64_t siphash24(const uint8_t *key, const uint8_t *message, int length) noexcept nogil:
    return siphash(key, message, length, 2, 4)


cdef inline uint64_t siphash13(const uint8_t *key, const uint8_t *message, int length) noexcept nogil:
    return siphash(key, message, length, 1, 3)


cdef inline void sip_word(uint64_t *v, uint64_t word) noexcept nogil:
    v[3] ^= word
    sip_round(v)
    v[0] ^= word


cdef inline uint64_t siphash13_words(
    const uint8_t *key, uint64_t first, uint64_t second, uint64_t third
) noexcept nogil:
    """SipHash-1-3 of the 24 octets that three words are, without loops."""
    cdef uint64_t v[4]
    sip_begin(v, key)
    sip_word(v, first)
    sip_word(v, second)
    sip_word(v, third)
    sip_word(v, <uint64_t>24 << 56)
    return sip_end(v, 3)


cdef inline uint64_t siphash13_of(const uint8_t *key, const uint64_t *words, int count) noexcept nogil:
    """The same of any number of words, for what has no twin: their number is not added."""
    cdef uint64_t v[4]
    cdef int i
    sip_begin(v, key)
    for i in range(count):
        sip_word(v, words[i])
    return sip_end(v, 3)
