# Checksums and hashes that the hot path needs without Python objects: CRC-32 (names),
# SipHash-2-4 (cookies, RFC 9018), SHA-1 (NSEC3, RFC 5155 §5).

cdef uint32_t _crc[4][256]


cdef void crc_init() noexcept nogil:
    cdef uint32_t i, j, value
    for i in range(256):
        value = i
        for j in range(8):
            value = (value >> 1) ^ (<uint32_t>0xEDB88320U if value & 1 else 0)
        _crc[0][i] = value
    for i in range(256):
        for j in range(1, 4):
            _crc[j][i] = (_crc[j - 1][i] >> 8) ^ _crc[0][_crc[j - 1][i] & 0xFF]


cdef inline uint32_t crc32(const uint8_t *at, Py_ssize_t length) noexcept nogil:
    cdef uint32_t value = ~<uint32_t>0
    while length >= 4:
        value ^= at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24
        value = (
            _crc[3][value & 0xFF]
            ^ _crc[2][value >> 8 & 0xFF]
            ^ _crc[1][value >> 16 & 0xFF]
            ^ _crc[0][value >> 24]
        )
        at += 4
        length -= 4
    while length > 0:
        value = (value >> 8) ^ _crc[0][(value ^ at[0]) & 0xFF]
        at += 1
        length -= 1
    return ~value


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


cdef uint64_t siphash24(const uint8_t *key, const uint8_t *message, int length) noexcept nogil:
    cdef uint64_t k0, k1, word
    cdef uint64_t v[4]
    cdef int at = 0, i
    memcpy(&k0, key, 8)
    memcpy(&k1, key + 8, 8)
    v[0] = k0 ^ <uint64_t>0x736F6D6570736575ULL
    v[1] = k1 ^ <uint64_t>0x646F72616E646F6DULL
    v[2] = k0 ^ <uint64_t>0x6C7967656E657261ULL
    v[3] = k1 ^ <uint64_t>0x7465646279746573ULL
    while True:
        if at + 8 <= length:
            memcpy(&word, message + at, 8)
        else:
            word = <uint64_t>(length & 0xFF) << 56
            for i in range(length - at):
                word |= <uint64_t>message[at + i] << (8 * i)
        v[3] ^= word
        sip_round(v)
        sip_round(v)
        v[0] ^= word
        if at + 8 > length:
            break
        at += 8
    v[2] ^= 0xFF
    for i in range(4):
        sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef inline uint32_t rotl32(uint32_t x, int b) noexcept nogil:
    return x << b | x >> (32 - b)


cdef void sha1_block(uint32_t *h, const uint8_t *p) noexcept nogil:
    cdef uint32_t w[80]
    cdef uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f, k, t
    cdef int i
    for i in range(16):
        w[i] = (
            <uint32_t>p[4 * i] << 24
            | <uint32_t>p[4 * i + 1] << 16
            | <uint32_t>p[4 * i + 2] << 8
            | p[4 * i + 3]
        )
    for i in range(16, 80):
        w[i] = rotl32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)
    for i in range(80):
        if i < 20:
            f = d ^ (b & (c ^ d))
            k = <uint32_t>0x5A827999U
        elif i < 40:
            f = b ^ c ^ d
            k = <uint32_t>0x6ED9EBA1U
        elif i < 60:
            f = (b & c) | (d & (b | c))
            k = <uint32_t>0x8F1BBCDCU
        else:
            f = b ^ c ^ d
            k = <uint32_t>0xCA62C1D6U
        t = rotl32(a, 5) + f + e + k + w[i]
        e = d
        d = c
        c = rotl32(b, 30)
        b = a
        a = t
    h[0] += a
    h[1] += b
    h[2] += c
    h[3] += d
    h[4] += e


cdef void sha1(const uint8_t *message, int length, uint8_t *digest) noexcept nogil:
    """SHA-1 of at most 510 octets (a name and a salt)."""
    cdef uint32_t h[5]
    cdef uint8_t last[128]
    cdef int at = 0, rest, size, i
    cdef uint64_t bits = <uint64_t>length * 8
    h[0] = <uint32_t>0x67452301U
    h[1] = <uint32_t>0xEFCDAB89U
    h[2] = <uint32_t>0x98BADCFEU
    h[3] = <uint32_t>0x10325476U
    h[4] = <uint32_t>0xC3D2E1F0U
    while length - at >= 64:
        sha1_block(h, message + at)
        at += 64
    rest = length - at
    memcpy(last, message + at, rest)
    last[rest] = 0x80
    size = 64 if rest < 56 else 128
    memset(last + rest + 1, 0, size - rest - 1)
    for i in range(8):
        last[size - 1 - i] = <uint8_t>(bits >> (8 * i))
    sha1_block(h, last)
    if size == 128:
        sha1_block(h, last + 64)
    for i in range(5):
        digest[4 * i] = h[i] >> 24
        digest[4 * i + 1] = h[i] >> 16 & 0xFF
        digest[4 * i + 2] = h[i] >> 8 & 0xFF
        digest[4 * i + 3] = h[i] & 0xFF
