# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Rdata that came as octets: whether it is what its type has, by the table of fields.

Only what is surely right is said to be so. All else is for :mod:`dnsd.zone.rdatatext` to judge.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.zone.fieldtable import FIELDS, SIZES

cdef enum:
    CAA = 257
    MOST_FIELDS = 12
    SIZED = 16                # kinds of digests whose sizes are known, for each type
    NONE = 255
    BAD = -1

cdef char _rows[64][MOST_FIELDS]
cdef uint8_t _row_of[65536]   # 0: there is none
cdef uint8_t _size_row_of[65536]
cdef uint8_t _sizes[8][SIZED] # octets of a digest of each kind; 0: any, NONE: no such
cdef uint8_t _kind_at[8]


def _fill():
    for i, (rtype, row) in enumerate(FIELDS.items()):
        text = row.encode() + b"\0"
        memcpy(_rows[i + 1], <const char *>text, len(text))
        _row_of[rtype] = i + 1
    for i, (rtype, (at, sizes)) in enumerate(SIZES.items()):
        _size_row_of[rtype] = i + 1
        _kind_at[i + 1] = at
        for kind, size in sizes.items():
            _sizes[i + 1][kind] = size


_fill()


def is_well_formed(int rtype, bytes rdata not None):
    """Tell whether ``rdata`` is surely right for ``rtype``."""
    return is_right(
        rtype, <const uint8_t *>PyBytes_AS_STRING(rdata), <int>PyBytes_GET_SIZE(rdata)
    )


cdef bint is_right(int rtype, const uint8_t *rdata, int length) noexcept nogil:
    cdef const char *row = _rows[_row_of[rtype]]
    cdef int at = 0, i = 0
    if row[0] == 0:
        return False
    while row[i]:
        at = _after(row[i], rdata, length, at)
        if at == BAD or at > length:
            return False
        i += 1
    if rtype == CAA and not _has_a_tag(rdata):
        return False
    return at == length and _has_its_size(_size_row_of[rtype], rdata, length)


cdef bint _has_a_tag(const uint8_t *rdata) noexcept nogil:
    """Whether the tag of a CAA record is one: letters and digits (RFC 8659 §4.1)."""
    cdef int at
    for at in range(2, 2 + rdata[1]):
        if not (48 <= rdata[at] <= 57 or 97 <= rdata[at] | 32 <= 122):
            return False
    return rdata[1] > 0


cdef int _after(char field, const uint8_t *rdata, int length, int at) noexcept nogil:
    """Where the field at ``at`` ends, BAD if there is none."""
    if field == b"n":
        return _after_name(rdata, length, at)
    if field == b"1":
        return at + 1
    if field in (b"2", b"y"):
        return at + 2
    if field in (b"4", b"t", b"T", b"a"):
        return at + 4
    if field == b"6":
        return at + 16
    if field in (b"s", b"x"):
        return at + 1 + rdata[at] if at < length else BAD
    if field == b"H":
        return at + 1 + rdata[at] if at < length and rdata[at] else BAD
    if field == b"S":
        return _after_strings(rdata, length, at)
    if field == b"B":
        return _after_types(rdata, length, at)
    if field == b"P":
        return at if at == length else BAD
    return length if at < length else BAD


cdef int _after_name(const uint8_t *rdata, int length, int at) noexcept nogil:
    cdef int start = at
    while at < length and rdata[at]:
        if rdata[at] > 63:
            return BAD
        at += 1 + rdata[at]
    return at + 1 if at < length and at + 1 - start <= 255 else BAD


cdef int _after_strings(const uint8_t *rdata, int length, int at) noexcept nogil:
    if at == length:
        return BAD
    while at < length:
        at += 1 + rdata[at]
    return at


cdef int _after_types(const uint8_t *rdata, int length, int at) noexcept nogil:
    """Windows in order, each with octets of which the last is not 0 (RFC 4034 §4.1.2)."""
    cdef int last = -1
    while at + 2 < length:
        if rdata[at] <= last or not 1 <= rdata[at + 1] <= 32 or at + 2 + rdata[at + 1] > length:
            return BAD
        last = rdata[at]
        at += 2 + rdata[at + 1]
        if rdata[at - 1] == 0:
            return BAD
    return at


cdef bint _has_its_size(int row, const uint8_t *rdata, int length) noexcept nogil:
    """Whether a digest has the size of its kind; it stands behind the octet with the kind."""
    cdef int kind, size
    if row == 0:
        return True
    kind = rdata[_kind_at[row]]
    size = _sizes[row][kind] if kind < SIZED else 0
    return size == 0 or length - _kind_at[row] - 1 == size
