# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Master file text to tokens, and tokens to names, without Python objects (RFC 1035 §5.1).

The native twin of :mod:`dnsd.zone.scan` and of what :mod:`dnsd.zone.names` does with ASCII. What is
wrong here, or only unusual, is left to those two: they alone make findings.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy

cdef enum:
    WORD, SPACE, BREAK, QUOTE, OPEN, CLOSE, COMMENT, ESCAPE, ODD
    MAX_NAME = 255
    MAX_LABEL = 63

cdef uint8_t _kind[256]
cdef uint8_t _lower[256]


def _fill():
    for octet in range(256):
        _kind[octet] = ODD if octet == 0 or octet > 127 else WORD
        _lower[octet] = octet + 32 if 65 <= octet <= 90 else octet
    for octets, kind in (
        (b" \t", SPACE), (b"\r\n", BREAK), (b'"', QUOTE), (b"(", OPEN), (b")", CLOSE),
        (b";", COMMENT), (b"\\", ESCAPE),
    ):
        for octet in octets:
            _kind[octet] = kind


_fill()


cdef Py_ssize_t skip_blank(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t size, Py_ssize_t *line
) noexcept nogil:
    """Return where the first line after ``at`` begins that is not blank or only a comment."""
    cdef Py_ssize_t here
    while True:
        here = at
        while here < size and _kind[data[here]] == SPACE:
            here += 1
        if here < size and data[here] == 59:
            while here < size and _kind[data[here]] != BREAK:
                here += 1
        if here == size:
            return size
        if _kind[data[here]] != BREAK:
            return at
        line[0] += data[here] == 10
        at = here + 1


cdef bint scan(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t size, Py_ssize_t limit, Entry *entry
) noexcept nogil:
    """Take the entry at ``at``, which is not blank, apart; False leaves it to Python."""
    cdef Py_ssize_t start = at, opened = 0
    cdef bint glued = False
    cdef uint8_t kind
    cdef Token *token
    entry.count = 0
    entry.lines = 0
    entry.glued = False
    entry.blank = _kind[data[at]] == SPACE
    while at < size:
        kind = _kind[data[at]]
        if kind == SPACE:
            at += 1
        elif kind == WORD or kind == ESCAPE or kind == QUOTE:
            if entry.count == MOST_TOKENS:
                return False
            token = &entry.tokens[entry.count]
            entry.count += 1
            token.quoted, token.glued = kind == QUOTE, glued
            entry.glued = entry.glued or glued
            at = _quoted(data, at + 1, size, token) if token.quoted else _word(data, at, size, token)
            if at == 0 or at - start > limit:
                return False
            glued = True
            continue
        elif kind == COMMENT:
            while at < size and _kind[data[at]] != BREAK:
                at += 1
        elif kind == BREAK:
            entry.lines += data[at] == 10
            at += 1
            if opened == 0:
                break
        elif kind == OPEN:
            opened += 1
            at += 1
        elif kind == CLOSE and opened:
            opened -= 1
            at += 1
        else:
            return False
        if at - start > limit:
            return False
        glued = False
    entry.end = at
    return opened == 0 and entry.count > 0


cdef Py_ssize_t _word(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t size, Token *token
) noexcept nogil:
    """Take the word at ``at``; return where it ends, 0 when Python is to look at it."""
    cdef Py_ssize_t start = at
    token.escaped = False
    while at < size:
        if _kind[data[at]] == WORD:
            at += 1
        elif _kind[data[at]] == ESCAPE:
            token.escaped = True
            at += 2
            if at > size or _kind[data[at - 1]] == ODD or _kind[data[at - 1]] == BREAK:
                return 0
        elif _kind[data[at]] == ODD:
            return 0
        else:
            break
    return _taken(token, data + start, at - start, at)


cdef Py_ssize_t _quoted(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t size, Token *token
) noexcept nogil:
    """Take the string behind a quote; any octet but NUL may be in it, as it is."""
    cdef Py_ssize_t start = at
    token.escaped = False
    while at < size and data[at] != 34:
        if data[at] == 10 or data[at] == 0:
            return 0
        if data[at] == 92:
            token.escaped = True
            at += 1
            if at == size or data[at] == 10 or _kind[data[at]] == ODD:
                return 0
        at += 1
    return _taken(token, data + start, at - start, at + 1) if at < size else 0


cdef inline Py_ssize_t _taken(
    Token *token, const uint8_t *start, Py_ssize_t length, Py_ssize_t end
) noexcept nogil:
    if length >= 1 << 30:
        return 0
    token.at, token.length = start, <int>length
    return end


cdef int unescape(const Token *token, uint8_t *out, int room) noexcept nogil:
    """Write the octets that ``token`` stands for; return how many, -1 when there is no such."""
    cdef int at = 0, written = 0, octet
    if not token.escaped:
        if token.length > room:
            return -1
        memcpy(out, token.at, token.length)
        return token.length
    while at < token.length:
        if written == room:
            return -1
        octet = token.at[at]
        at += 1
        if octet == 92:
            octet = _escaped(token, &at)
            if octet < 0:
                return -1
        out[written] = octet
        written += 1
    return written


cdef inline int _escaped(const Token *token, int *at) noexcept nogil:
    """Return the octet escaped at ``at``, behind the backslash, and move on; -1: none."""
    cdef const uint8_t *octets = token.at + at[0]
    cdef int value, i
    if octets[0] < 48 or octets[0] > 57:
        at[0] += 1
        return octets[0]
    if at[0] + 3 > token.length:
        return -1
    value = 0
    for i in range(3):
        if octets[i] < 48 or octets[i] > 57:
            return -1
        value = 10 * value + octets[i] - 48
    at[0] += 3
    return value if value < 256 else -1


cdef int read_name(
    const Token *token, const uint8_t *origin, int origin_length, uint8_t *out
) noexcept nogil:
    """Write the wire form of a name, spelled as it is; return its length, 0: Python's to read."""
    cdef int at = 0, label = 0, length = 1, octet
    if token.quoted or token.length == 0:
        return 0
    if token.length == 1 and token.at[0] == 64:
        memcpy(out, origin, origin_length)
        return origin_length
    if token.length == 1 and token.at[0] == 46:
        out[0] = 0
        return 1
    while at < token.length:
        octet = token.at[at]
        at += 1
        if octet == 46:
            if length - label < 2 or length >= MAX_NAME:
                return 0
            out[label] = length - label - 1
            label = length
            length += 1
            continue
        if octet == 92:
            octet = _escaped(token, &at)
            if octet < 0:
                return 0
        if length >= MAX_NAME or length - label > MAX_LABEL:
            return 0
        out[length] = octet
        length += 1
    if length - label == 1:  # it ended in a dot
        out[label] = 0
        return length
    out[label] = length - label - 1
    if length + origin_length > MAX_NAME:
        return 0
    memcpy(out + length, origin, origin_length)
    return length + origin_length


cdef void fold(uint8_t *out, const uint8_t *name, int length) noexcept nogil:
    """Copy a name in lower case; lengths of labels are below 64, so they stay."""
    cdef int at
    for at in range(length):
        out[at] = _lower[name[at]]
