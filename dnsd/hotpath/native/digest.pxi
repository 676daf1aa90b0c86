# SHA-1 without Python objects (NSEC3, RFC 5155 §5).

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
