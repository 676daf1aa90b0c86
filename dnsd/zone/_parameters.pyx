# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The parameters of SVCB and HTTPS records (RFC 9460 §2.1), from tokens without Python objects.

Parameters with a name, without escapes. The others, and all that is wrong, dnspython reads.
Functions return how many octets they have written, -1: Python's to read.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from dnsd.zone._encodings cimport write_base64
from dnsd.zone._tokens cimport Token

cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <sys/socket.h>
    """
    int inet_pton(int family, const char *text, void *out) nogil
    int AF_INET
    int AF_INET6

cdef enum:
    MANDATORY = 0
    ALPN = 1
    NO_DEFAULT_ALPN = 2
    PORT = 3
    IPV4HINT = 4
    ECH = 5
    IPV6HINT = 6
    DOHPATH = 7
    OHTTP = 8
    KEYS = 9
    HEAD = 4                  # octets of key and length before each value
    LEAST_ECH = 6

cdef struct Text:
    const uint8_t *at         # NULL: there is no such parameter
    int length

cdef const char *_names[KEYS]
_names[:] = [
    b"mandatory", b"alpn", b"no-default-alpn", b"port", b"ipv4hint", b"ech", b"ipv6hint",
    b"dohpath", b"ohttp",
]


cdef int write_parameters(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil:
    """Write the parameters that ``tokens`` are, in the order of their keys."""
    cdef Text values[KEYS]
    cdef int key, used = 0, length
    memset(values, 0, sizeof(values))
    if not _find(tokens, count, values):
        return -1
    if values[NO_DEFAULT_ALPN].at != NULL and values[ALPN].at == NULL:
        return -1
    for key in range(KEYS):
        if values[key].at == NULL:
            continue
        # no value takes more than its text: an address has at least as many characters but "::"
        if room - used < HEAD + 16 * (values[key].length + 1):
            return -1
        length = _write_value(key, values, out + used + HEAD)
        if length < 0:
            return -1
        out[used], out[used + 1], out[used + 2], out[used + 3] = 0, key, length >> 8, length & 0xFF
        used += HEAD + length
    return used


cdef bint _find(const Token *tokens, int count, Text *values) noexcept nogil:
    """Find the value of each parameter; False: Python's to read."""
    cdef int i = 0, key, length
    cdef const uint8_t *at
    cdef Text *value
    while i < count:
        if tokens[i].quoted or tokens[i].escaped or tokens[i].glued:
            return False
        at, length = tokens[i].at, 0
        while length < tokens[i].length and at[length] != 61:
            length += 1
        key = _key_of(at, length)
        if key < 0 or values[key].at != NULL:
            return False
        value = &values[key]
        value.at, value.length = at + length, 0
        if length < tokens[i].length:
            value.at, value.length = at + length + 1, tokens[i].length - length - 1
            if value.length == 0:
                i += 1
                if i == count or not _is_plain(&tokens[i]):
                    return False
                value.at, value.length = tokens[i].at, tokens[i].length
        i += 1
    return True


cdef inline int _key_of(const uint8_t *text, int length) noexcept nogil:
    cdef int key, i
    for key in range(KEYS):
        i = 0
        while i < length and _names[key][i] != 0 and <uint8_t>_names[key][i] == text[i]:
            i += 1
        if i == length and _names[key][i] == 0:
            return key
    return -1


cdef inline bint _is_plain(const Token *token) noexcept nogil:
    """Whether a token is the quoted value of the word before it, in ASCII."""
    cdef int i
    if not token.quoted or not token.glued or token.escaped:
        return False
    for i in range(token.length):
        if token.at[i] > 126 or token.at[i] < 32:
            return False
    return True


cdef int _write_value(int key, const Text *values, uint8_t *out) noexcept nogil:
    cdef const Text *value = &values[key]
    cdef Token whole
    cdef int length
    if key == NO_DEFAULT_ALPN or key == OHTTP:
        return 0 if value.length == 0 else -1
    if key == DOHPATH:
        memcpy(out, value.at, value.length)
        return value.length
    if value.length == 0:
        return -1
    if key == PORT:
        return _write_port(value, out)
    if key == ECH:
        whole.at, whole.length, whole.quoted, whole.escaped = value.at, value.length, True, False
        length = write_base64(&whole, 1, out, value.length)
        return length if length >= LEAST_ECH and (out[0] << 8 | out[1]) == length - 2 else -1
    return _write_list(key, values, out)


cdef int _write_port(const Text *value, uint8_t *out) noexcept nogil:
    cdef int port = 0, i
    for i in range(value.length):
        if not 48 <= value.at[i] <= 57:
            return -1
        port = 10 * port + value.at[i] - 48
        if port > 65535:
            return -1
    out[0], out[1] = port >> 8, port & 0xFF
    return 2


cdef int _write_list(int key, const Text *values, uint8_t *out) noexcept nogil:
    """Write a value whose items have commas between them."""
    cdef const Text *value = &values[key]
    cdef uint8_t listed[KEYS]
    cdef int used = 0, start = 0, end, written
    memset(listed, 0, sizeof(listed))
    while start <= value.length:
        end = start
        while end < value.length and value.at[end] != 44:
            end += 1
        if key == MANDATORY:
            written = _list_key(value.at + start, end - start, values, listed)
        elif key == ALPN:
            written = _write_counted(value.at + start, end - start, out + used)
        else:
            written = _write_address(key, value.at + start, end - start, out + used)
        if written < 0:
            return -1
        used += written
        start = end + 1
    return _write_keys(listed, out) if key == MANDATORY else used


cdef inline int _list_key(
    const uint8_t *at, int length, const Text *values, uint8_t *listed
) noexcept nogil:
    """Note a key that is mandatory: another one than this, which is there, and once."""
    cdef int key = _key_of(at, length)
    if key <= MANDATORY or values[key].at == NULL or listed[key]:
        return -1
    listed[key] = True
    return 0


cdef inline int _write_keys(const uint8_t *listed, uint8_t *out) noexcept nogil:
    cdef int key, used = 0
    for key in range(KEYS):
        if listed[key]:
            out[used], out[used + 1] = 0, key
            used += 2
    return used


cdef inline int _write_counted(const uint8_t *at, int length, uint8_t *out) noexcept nogil:
    if not 0 < length < 256:
        return -1
    out[0] = length
    memcpy(out + 1, at, length)
    return 1 + length


cdef inline int _write_address(
    int key, const uint8_t *at, int length, uint8_t *out
) noexcept nogil:
    cdef char text[48]
    if length > 45:
        return -1
    memcpy(text, at, length)
    text[length] = 0
    if key == IPV4HINT:
        return 4 if inet_pton(AF_INET, text, out) == 1 else -1
    return 16 if inet_pton(AF_INET6, text, out) == 1 else -1
