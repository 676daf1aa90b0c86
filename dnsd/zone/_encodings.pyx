# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Binary data in text (RFC 4648) as zone files have it: hex, base64, base32hex.

Each function returns how many octets it has written, -1 if the text is not right.
"""

from libc.stdint cimport uint8_t, uint32_t

from dnsd.zone._tokens cimport Token

cdef signed char _hex[256]
cdef signed char _base64[256]
cdef signed char _base32[256]


def _fill():
    for octet in range(256):
        _hex[octet] = b"0123456789abcdef".find(bytes((octet,)).lower())
        _base32[octet] = b"0123456789abcdefghijklmnopqrstuv".find(bytes((octet,)).lower())
        _base64[octet] = (
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        ).find(bytes((octet,)))


_fill()


cdef int write_hex(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil:
    """Write the octets of hexadecimal digits (RFC 4648 §8), which blanks may part."""
    cdef int used = 0, high = -1, value, i, at
    for i in range(count):
        for at in range(tokens[i].length):
            value = _hex[tokens[i].at[at]]
            if value < 0 or used == room:
                return -1
            if high < 0:
                high = value
                continue
            out[used] = high << 4 | value
            used += 1
            high = -1
    return used if high < 0 else -1


cdef int write_base64(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil:
    """Write the octets of base64 (RFC 4648 §4), which blanks may part."""
    cdef uint32_t bits = 0
    cdef int used = 0, read = 0, padding = 0, value, i, at
    for i in range(count):
        for at in range(tokens[i].length):
            value = _base64[tokens[i].at[at]]
            if tokens[i].at[at] == 61 and read & 3 >= 2:
                padding += 1
                value = 0
            elif value < 0 or padding:
                return -1
            bits = bits << 6 | <uint32_t>value
            read += 1
            if read & 3 == 0:
                if used + 3 > room:
                    return -1
                out[used], out[used + 1], out[used + 2] = bits >> 16 & 255, bits >> 8 & 255, bits & 255
                used += 3
    return used - padding if read & 3 == 0 and padding <= 2 else -1


cdef int write_hash(const Token *token, uint8_t *out) noexcept nogil:
    """An NSEC3 hash: base32hex without padding (RFC 5155 §3.3)."""
    cdef uint32_t bits = 0
    cdef int have = 0, written = 0, i
    if token.length > 408:
        return -1
    for i in range(token.length):
        if _base32[token.at[i]] < 0:
            return -1
        bits = bits << 5 | <uint32_t>_base32[token.at[i]]
        have += 5
        if have >= 8:
            have -= 8
            written += 1
            out[written] = bits >> have & 0xFF
    if written == 0 or have >= 5 or bits & ((1 << have) - 1):
        return -1
    out[0] = written
    return 1 + written


cdef int write_salt(const Token *token, uint8_t *out) noexcept nogil:
    """Write a salt and its length: hexadecimal, or ``-`` for none (RFC 5155 §3.3)."""
    cdef int written = 0
    if token.length != 1 or token.at[0] != 45:
        if token.length > 510:
            return -1
        written = write_hex(token, 1, out + 1, 255)
        if written <= 0:
            return -1
    out[0] = written
    return 1 + written
