# SHA-1 without Python objects (NSEC3, RFC 5155 §5).

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    /* Written out in C: each round has its constant and its place in the schedule. */
    #define DNSD_ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))
    #define DNSD_NEXT(i) (w[(i) & 15] = DNSD_ROL( \
        w[((i) + 13) & 15] ^ w[((i) + 8) & 15] ^ w[((i) + 2) & 15] ^ w[(i) & 15], 1))
    #define DNSD_F1(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
    #define DNSD_F2(b, c, d) ((b) ^ (c) ^ (d))
    #define DNSD_F3(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))
    #define DNSD_ROUND(a, b, c, d, e, f, k, word) \
        e += DNSD_ROL(a, 5) + f(b, c, d) + k + (word); b = DNSD_ROL(b, 30);
    #define DNSD_FIVE(i, f, k, word) \
        DNSD_ROUND(a, b, c, d, e, f, k, word((i))) \
        DNSD_ROUND(e, a, b, c, d, f, k, word((i) + 1)) \
        DNSD_ROUND(d, e, a, b, c, f, k, word((i) + 2)) \
        DNSD_ROUND(c, d, e, a, b, f, k, word((i) + 3)) \
        DNSD_ROUND(b, c, d, e, a, f, k, word((i) + 4))
    #define DNSD_TWENTY(i, f, k) \
        DNSD_FIVE(i, f, k, DNSD_NEXT) DNSD_FIVE((i) + 5, f, k, DNSD_NEXT) \
        DNSD_FIVE((i) + 10, f, k, DNSD_NEXT) DNSD_FIVE((i) + 15, f, k, DNSD_NEXT)
    #define DNSD_GIVEN(i) w[(i)]

    static void dnsd_sha1_block(uint32_t *h, const uint8_t *p) {
        uint32_t w[16], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16
                 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
        DNSD_FIVE(0, DNSD_F1, 0x5A827999u, DNSD_GIVEN)
        DNSD_FIVE(5, DNSD_F1, 0x5A827999u, DNSD_GIVEN)
        DNSD_FIVE(10, DNSD_F1, 0x5A827999u, DNSD_GIVEN)
        DNSD_ROUND(a, b, c, d, e, DNSD_F1, 0x5A827999u, w[15])
        DNSD_ROUND(e, a, b, c, d, DNSD_F1, 0x5A827999u, DNSD_NEXT(16))
        DNSD_ROUND(d, e, a, b, c, DNSD_F1, 0x5A827999u, DNSD_NEXT(17))
        DNSD_ROUND(c, d, e, a, b, DNSD_F1, 0x5A827999u, DNSD_NEXT(18))
        DNSD_ROUND(b, c, d, e, a, DNSD_F1, 0x5A827999u, DNSD_NEXT(19))
        DNSD_TWENTY(20, DNSD_F2, 0x6ED9EBA1u)
        DNSD_TWENTY(40, DNSD_F3, 0x8F1BBCDCu)
        DNSD_TWENTY(60, DNSD_F2, 0xCA62C1D6u)
        h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e;
    }
    """
    void sha1_block "dnsd_sha1_block"(uint32_t *h, const uint8_t *p) noexcept nogil


cdef inline void sha1(const uint8_t *message, int length, uint8_t *digest) noexcept nogil:
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
