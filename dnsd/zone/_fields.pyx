# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Rdata from tokens without Python objects: each type is a row of fields.

What is written here is what :mod:`dnsd.zone.rdatatext` makes of the same tokens. Types, and ways to
write a field, that are rare or wrong are left to it.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from dnsd.zone._encodings cimport write_base64, write_hash, write_hex, write_salt
from dnsd.zone._parameters cimport write_parameters
from dnsd.zone._tokens cimport Token, read_name, unescape

from dnsd.zone.fieldtable import FIELDS, SIZES, TYPES

cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <sys/socket.h>
    """
    int inet_pton(int family, const char *text, void *out) nogil
    int AF_INET
    int AF_INET6

cdef enum:
    MAX_RDATA = 65535
    MOST_FIELDS = 12
    LONGEST_MNEMONIC = 12
    PLACES = 1024
    SIZED = 16                # kinds of digests whose sizes are known, for each type
    RRSIG = 46
    CAA = 257
    URI = 256

cdef struct Mnemonic:
    char text[LONGEST_MNEMONIC]
    int length                # 0: the place is free
    int value

cdef Mnemonic _mnemonics[PLACES]
cdef char _rows[64][MOST_FIELDS]
cdef uint8_t _row_of[65536]   # 0: Python's to read
cdef uint8_t _size_row_of[65536]
cdef uint8_t _sizes[8][SIZED] # octets of a digest of each kind; 0: any, 255: no such
cdef uint8_t _kind_at[8]      # where the kind stands in rdata; the digest is behind it


cdef inline uint32_t _hashed(const uint8_t *text, int length) noexcept nogil:
    cdef uint32_t value = 2166136261
    cdef int i
    for i in range(length):
        value = (value ^ (text[i] | 32)) * 16777619
    return value ^ value >> 15


def _fill():
    cdef uint32_t place
    for mnemonic, value in TYPES.items():
        text = mnemonic.lower().encode()
        place = _hashed(text, len(text)) % PLACES
        while _mnemonics[place].length:
            place = (place + 1) % PLACES
        memcpy(_mnemonics[place].text, <const char *>text, len(text))
        _mnemonics[place].length, _mnemonics[place].value = len(text), value
    rows = sorted({*FIELDS.values()})
    for i, row in enumerate(rows):
        text = row.encode() + b"\0"
        memcpy(_rows[i + 1], <const char *>text, len(text))
    for rtype, row in FIELDS.items():
        _row_of[rtype] = 1 + rows.index(row)
    for i, (rtype, (at, sizes)) in enumerate(SIZES.items()):
        _size_row_of[rtype] = i + 1
        _kind_at[i + 1] = at
        for kind, size in sizes.items():
            _sizes[i + 1][kind] = size


_fill()


cdef inline bint _is_word(const uint8_t *text, const char *word, int length) noexcept nogil:
    """Tell whether ``text`` is the lower-case ``word``, in any spelling."""
    cdef int i
    cdef uint8_t c
    for i in range(length):
        c = text[i]
        if (c + 32 if 65 <= c <= 90 else c) != <uint8_t>word[i]:
            return False
    return True


# -- what stands for numbers ------------------------------------------------------------------


cdef inline int64_t _digits(const uint8_t *text, int length) noexcept nogil:
    """Return the number that up to 18 digits are, -1 if they are none."""
    cdef int64_t value = 0
    cdef int i
    if length == 0 or length > 18:
        return -1
    for i in range(length):
        if text[i] < 48 or text[i] > 57:
            return -1
        value = 10 * value + text[i] - 48
    return value


cdef int64_t ttl_of(const Token *token) noexcept nogil:
    """Return the seconds that a token stands for, 1h30m among them; -1: Python's to read."""
    cdef int64_t value, total = 0
    cdef int at = 0, start
    cdef uint8_t unit
    if token.length > 64 or token.quoted:
        return -1
    value = _digits(token.at, token.length)
    if value >= 0:
        return value if value <= 0x7FFFFFFF and token.length <= 10 else -1
    while at < token.length:
        start = at
        while at < token.length and 48 <= token.at[at] <= 57:
            at += 1
        if at == start or at - start > 10 or at == token.length:
            return -1
        value = _digits(token.at + start, at - start)
        unit = token.at[at] | 32
        at += 1
        if unit == 115:
            total += value
        elif unit == 109:
            total += 60 * value
        elif unit == 104:
            total += 3600 * value
        elif unit == 100:
            total += 86400 * value
        elif unit == 119:
            total += 604800 * value
        else:
            return -1
    return total if 0 <= total <= 0x7FFFFFFF else -1


cdef int type_of(const Token *token) noexcept nogil:
    """Return the number of a type that a mnemonic or TYPE1234 names, -1: Python's to read."""
    cdef uint32_t place
    cdef int64_t value
    if token.quoted or token.length == 0 or token.length > LONGEST_MNEMONIC:
        return -1
    place = _hashed(token.at, token.length) % PLACES
    while _mnemonics[place].length:
        if _mnemonics[place].length == token.length and _is_word(
            token.at, _mnemonics[place].text, token.length
        ):
            return _mnemonics[place].value
        place = (place + 1) % PLACES
    if token.length > 4 and _is_word(token.at, b"type", 4):
        value = _digits(token.at + 4, token.length - 4)
        if 0 < value < 65536:
            return <int>value
    return -1


cdef int64_t _time_of(const Token *token) noexcept nogil:
    """Return the seconds since 1970 of a signature's time (RFC 4034 §3.2), -1: Python's to read."""
    cdef int64_t whole = _digits(token.at, token.length), year, month, day, hour, days
    if token.length <= 10:
        return whole if whole >> 32 == 0 else -1
    if token.length != 14 or whole < 0:
        return -1
    year, month, day = whole // <int64_t>10000000000, whole // 100000000 % 100, whole // 1000000 % 100
    hour = whole // 10000 % 100
    if year < 1970 or not 1 <= month <= 12 or not 1 <= day <= _days_of(year, month):
        return -1
    if hour > 23 or whole // 100 % 100 > 59 or whole % 100 > 59:
        return -1
    if month <= 2:
        year -= 1
        month += 12
    # days since 1 March of the year 0, less those until 1970
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 1
    whole = (days - 719468) * 86400 + hour * 3600 + whole // 100 % 100 * 60 + whole % 100
    return whole if whole >> 32 == 0 else -1


cdef inline int _days_of(int64_t year, int64_t month) noexcept nogil:
    if month == 2:
        return 28 + (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
    return 30 if month in (4, 6, 9, 11) else 31


# -- fields -----------------------------------------------------------------------------------


cdef int write_rdata(
    int rtype, const Token *tokens, int count, const uint8_t *origin, int origin_length,
    uint8_t *out, int room
) noexcept nogil:
    """Write the rdata of ``rtype`` that ``tokens`` are; return its length, -1: Python's to read.

    ``room`` octets are at ``out``; 256 more than an rdata may have are enough for any.
    """
    cdef const char *fields = _rows[_row_of[rtype]]
    cdef int used = 0, at = 0, written
    if fields[0] == 0 or _is_generic(tokens, count):
        return -1
    while fields[0]:
        if fields[0] in (b"S", b"h", b"b", b"B", b"P"):
            written = _write_rest(fields[0], tokens + at, count - at, out + used, room - used)
            at = count
        elif at < count:
            written = _write_one(
                fields[0], &tokens[at], origin, origin_length, out + used, room - used
            )
            at += 1
        else:
            return -1
        if written < 0:
            return -1
        used += written
        fields += 1
    if at != count or used > MAX_RDATA or not _is_usual(rtype, out, used):
        return -1
    return used


cdef inline bint _is_generic(const Token *tokens, int count) noexcept nogil:
    """Tell whether data is in the form of RFC 3597 §5, which any type may have."""
    return count > 0 and tokens[0].length == 2 and tokens[0].at[0] == 92 and tokens[0].at[1] == 35


cdef bint _is_usual(int rtype, const uint8_t *rdata, int length) noexcept nogil:
    """Tell whether nothing is wrong with what the fields of ``rtype`` say together."""
    cdef int row = _size_row_of[rtype], i, size
    if row:
        i = _kind_at[row]
        size = _sizes[row][rdata[i]] if rdata[i] < SIZED else 0
        return size == 0 or (size != 255 and length - i - 1 == size)
    if rtype == CAA:
        for i in range(2, 2 + rdata[1]):
            if not (48 <= rdata[i] <= 57 or 97 <= rdata[i] | 32 <= 122):
                return False
        return rdata[1] > 0
    return rtype != URI or length > 4


cdef int _write_one(
    char field, const Token *token, const uint8_t *origin, int origin_length, uint8_t *out, int room
) noexcept nogil:
    """Write a field that is one token."""
    cdef int length
    cdef int64_t value
    if room < 256:
        return -1
    if field == b"s":
        length = unescape(token, out + 1, 255)
        out[0] = length
        return 1 + length if length >= 0 else -1
    if field == b"l":
        return unescape(token, out, room)
    if field == b"n":
        return read_name(token, origin, origin_length, out) or -1
    if token.quoted or token.escaped:
        return -1
    if field == b"1":
        return _write_number(_digits(token.at, token.length), 1, out)
    if field == b"2":
        return _write_number(_digits(token.at, token.length), 2, out)
    if field == b"4":
        return _write_number(_digits(token.at, token.length), 4, out)
    if field == b"t":
        return _write_number(ttl_of(token), 4, out)
    if field == b"T":
        return _write_number(_time_of(token), 4, out)
    if field == b"y":
        return _write_number(type_of(token), 2, out)
    if field == b"a":
        return _write_address(AF_INET, 4, token, out)
    if field == b"6":
        return _write_address(AF_INET6, 16, token, out)
    if field == b"x":
        return write_salt(token, out)
    return write_hash(token, out)


cdef inline int _write_number(int64_t value, int octets, uint8_t *out) noexcept nogil:
    cdef int i
    if value < 0 or value >> 8 * octets:
        return -1
    for i in range(octets):
        out[i] = <uint8_t>(value >> 8 * (octets - 1 - i))
    return octets


cdef inline int _write_address(
    int family, int octets, const Token *token, uint8_t *out
) noexcept nogil:
    cdef char text[48]
    if token.length > 45:
        return -1
    memcpy(text, token.at, token.length)
    text[token.length] = 0
    return octets if inet_pton(family, text, out) == 1 else -1


cdef int _write_rest(
    char field, const Token *tokens, int count, uint8_t *out, int room
) noexcept nogil:
    """Write a field that takes all the tokens that are left."""
    if field == b"B":
        return _write_types(tokens, count, out, room)
    if field == b"P":
        return write_parameters(tokens, count, out, room)
    if count == 0:
        return -1
    if field == b"S":
        return _write_strings(tokens, count, out, room)
    for i in range(count):
        if tokens[i].quoted or tokens[i].escaped:
            return -1
    if field == b"h":
        return write_hex(tokens, count, out, room)
    return write_base64(tokens, count, out, room)


cdef int _write_strings(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil:
    cdef int used = 0, length, i
    for i in range(count):
        if room - used < 256:
            return -1
        length = unescape(&tokens[i], out + used + 1, 255)
        if length < 0:
            return -1
        out[used] = length
        used += 1 + length
    return used


cdef int _write_types(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil:
    """The types that an NSEC or NSEC3 names, as bits (RFC 4034 §4.1.2)."""
    cdef uint8_t bits[32]
    cdef int window = 0, next_window, used = 0, rtype, length, i
    while window < 256:
        next_window = 256
        length = 0
        memset(bits, 0, 32)
        for i in range(count):
            if tokens[i].escaped:
                return -1
            rtype = type_of(&tokens[i])
            if rtype < 0:
                return -1
            if rtype >> 8 == window:
                bits[(rtype & 255) >> 3] |= 0x80 >> (rtype & 7)
                length = max(length, 1 + ((rtype & 255) >> 3))
            elif rtype >> 8 > window:
                next_window = min(next_window, rtype >> 8)
        if length:
            if used + 34 > room:
                return -1
            out[used], out[used + 1] = window, length
            memcpy(out + used + 2, bits, length)
            used += 2 + length
        window = next_window
    return used
