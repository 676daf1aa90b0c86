# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Stored records: octets of a version, one record after the other, and their order.

A stored record is one octet with the length of its owner, then the record as a message has it,
uncompressed (RFC 1035 §3.2.1): owner, type, class, TTL, length and data. Records are in canonical
order of their owners (RFC 4034 §6.1), then by type, then in canonical order of their data (§6.3);
two records whose owner, type and data are canonically the same are the same record.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from dnsd.wire.records import Record

cdef enum:
    NAPTR = 35
    A6 = 38
    RRSIG = 46
    SOA = 6
    BAD = -1


cdef bint view(const uint8_t *at, const uint8_t *end, Stored *out) noexcept nogil:
    """Look at the record at ``at``; False when there is none that ends before ``end``."""
    cdef const uint8_t *fixed
    if end - at < 1 + FIXED + 1:
        return False
    out.at, out.owner_length = at, at[0]
    if end - at < 1 + out.owner_length + FIXED:
        return False
    fixed = at + 1 + out.owner_length
    out.rtype = fixed[0] << 8 | fixed[1]
    out.ttl = <uint32_t>fixed[4] << 24 | fixed[5] << 16 | fixed[6] << 8 | fixed[7]
    out.length = fixed[8] << 8 | fixed[9]
    out.rdata = fixed + FIXED
    out.size = 1 + out.owner_length + FIXED + out.length
    return <uint64_t>(end - at) >= out.size


cdef bint is_name(const uint8_t *name, int length) noexcept nogil:
    """Whether ``length`` octets are one uncompressed name."""
    cdef int at = 0
    if length > 255:
        return False
    while at < length and name[at]:
        if name[at] > 63:
            return False
        at += 1 + name[at]
    return at == length - 1


cdef bint is_inside(
    const uint8_t *name, int length, const uint8_t *apex, int apex_length
) noexcept nogil:
    """Whether ``name`` is at or below ``apex``, which is in lower case."""
    cdef int at = 0, above = length - apex_length, i
    while at < above:
        at += 1 + name[at]
    if at != above:
        return False
    for i in range(apex_length):
        if lowered(name[above + i]) != apex[i]:
            return False
    return True


cdef uint8_t lowered(uint8_t octet) noexcept nogil:
    return octet + 32 if 65 <= octet <= 90 else octet


cdef int compare_names(
    const uint8_t *a, int a_length, const uint8_t *b, int b_length
) noexcept nogil:
    """Compare in canonical order: label by label from the right, without case (RFC 4034 §6.1)."""
    cdef uint8_t a_labels[128]
    cdef uint8_t b_labels[128]
    cdef int a_count = 0, b_count = 0, at = 0, i, length
    cdef const uint8_t *x
    cdef const uint8_t *y
    if a_length == b_length and memcmp(a, b, a_length) == 0:
        return 0
    while a[at]:
        a_labels[a_count] = at
        a_count += 1
        at += 1 + a[at]
    at = 0
    while b[at]:
        b_labels[b_count] = at
        b_count += 1
        at += 1 + b[at]
    while a_count and b_count:
        a_count -= 1
        b_count -= 1
        x, y = a + a_labels[a_count], b + b_labels[b_count]
        length = min(x[0], y[0])
        for i in range(1, length + 1):
            if x[i] != y[i] and lowered(x[i]) != lowered(y[i]):
                return -1 if lowered(x[i]) < lowered(y[i]) else 1
        if x[0] != y[0]:
            return -1 if x[0] < y[0] else 1
    return a_count - b_count


cdef int _after_names(const uint8_t *rdata, int length, int at, int count) noexcept nogil:
    """The end of ``count`` names from ``at`` on, BAD if there are none."""
    for _ in range(count):
        while at < length and rdata[at]:
            if rdata[at] > 63:
                return BAD
            at += 1 + rdata[at]
        at += 1
        if at > length:
            return BAD
    return at


cdef int names_at(int rtype, const uint8_t *rdata, int length, int *start) noexcept nogil:
    """How many names there are whose case does not count, and where the first one is.

    They are those of RFC 4034 §6.2 and RFC 6840 §5.1: all that any server may compress, too.
    """
    cdef int at = 0
    start[0] = 0
    if rtype in (2, 3, 4, 5, 7, 8, 9, 12, 30, 39):      # NS ... PTR, NXT, DNAME
        return 1
    if rtype in (SOA, 14, 17):                          # MINFO, RP
        return 2
    start[0] = 2
    if rtype in (15, 18, 21, 36):                       # MX, AFSDB, RT, KX
        return 1
    if rtype == 26:                                     # PX
        return 2
    start[0] = 6
    if rtype == 33:                                     # SRV
        return 1
    start[0] = 18
    if rtype in (24, RRSIG):                            # SIG
        return 1
    if rtype == NAPTR:
        at = 4
        for _ in range(3):
            at += 1 + rdata[at] if at < length else 1
        start[0] = at
        return 1
    if rtype == A6 and length and 0 < rdata[0] <= 128:
        start[0] = 1 + (135 - rdata[0]) // 8
        return 1
    return 0


cdef void folded_part(
    int rtype, const uint8_t *rdata, int length, int *start, int *end
) noexcept nogil:
    """Find the names whose case does not count.

    Data that is not what its type has is any octets: case counts in all of it.
    """
    cdef int names = names_at(rtype, rdata, length, start)
    end[0] = 0
    if names and start[0] < length:
        end[0] = _after_names(rdata, length, start[0], names)
    if end[0] <= 0:
        start[0] = end[0] = 0


cdef int _compare_rdata(const Stored *a, const Stored *b) noexcept nogil:
    cdef int shorter = min(a.length, b.length), found, i
    cdef int a_start, a_end, b_start, b_end
    cdef uint8_t x, y
    found = memcmp(a.rdata, b.rdata, shorter)
    if found == 0:
        return a.length - b.length
    folded_part(a.rtype, a.rdata, a.length, &a_start, &a_end)
    folded_part(b.rtype, b.rdata, b.length, &b_start, &b_end)
    if a_end == 0 and b_end == 0:
        return found
    for i in range(shorter):
        x = lowered(a.rdata[i]) if a_start <= i < a_end else a.rdata[i]
        y = lowered(b.rdata[i]) if b_start <= i < b_end else b.rdata[i]
        if x != y:
            return <int>x - <int>y
    return a.length - b.length


cdef int compare_records(const Stored *a, const Stored *b) noexcept nogil:
    """Compare by owner, type and data; 0 says that they are the same record."""
    cdef int found = compare_names(a.at + 1, a.owner_length, b.at + 1, b.owner_length)
    if found:
        return found
    if a.rtype != b.rtype:
        return a.rtype - b.rtype
    return _compare_rdata(a, b)


cdef bint is_same(const Stored *a, const Stored *b) noexcept nogil:
    """Whether all octets are the same: also the TTL, and the case of names."""
    return a.size == b.size and memcmp(a.at, b.at, a.size) == 0


cdef class Output:
    """Octets that grow."""

    def __dealloc__(self):
        free(self.octets)

    cdef int put(self, const uint8_t *at, uint64_t size) except -1 nogil:
        cdef uint64_t room
        cdef uint8_t *grown
        if self.used + size > self.room:
            room = max(self.used + size, self.room + self.room // 2, <uint64_t>256)
            grown = <uint8_t *>realloc(self.octets, room)
            if grown == NULL:
                with gil:
                    raise MemoryError
            self.octets, self.room = grown, room
        if size:
            memcpy(self.octets + self.used, at, size)
        self.used += size
        return 0

    cdef bytes taken(self):
        return PyBytes_FromStringAndSize(<char *>self.octets, self.used)


def store(bytes owner not None, int rtype, uint32_t ttl, bytes rdata not None):
    """Return the stored form of one record of class IN; ValueError when ``owner`` is no name."""
    cdef int length = PyBytes_GET_SIZE(rdata)
    if not is_name(<const uint8_t *>PyBytes_AS_STRING(owner), PyBytes_GET_SIZE(owner)):
        raise ValueError("an owner must be one uncompressed name of at most 255 octets")
    if not (0 <= rtype <= 0xFFFF and length <= 0xFFFF):
        raise ValueError("a type, and the length of data, are two octets")
    return b"%c%b%b\x00\x01%b%b%b" % (
        len(owner), owner, rtype.to_bytes(2, "big"), ttl.to_bytes(4, "big"),
        length.to_bytes(2, "big"), rdata,
    )


def records(const uint8_t[::1] octets, uint64_t at=0):
    """Yield the records in ``octets`` from offset ``at`` on."""
    cdef Stored one
    cdef const uint8_t *start
    cdef uint64_t size = octets.shape[0]
    while at < size:
        start = &octets[0]
        if not view(start + at, start + size, &one):
            raise ValueError(f"no record begins at octet {at}")
        yield Record(
            PyBytes_FromStringAndSize(<const char *>one.at + 1, one.owner_length),
            one.rtype,
            one.ttl,
            PyBytes_FromStringAndSize(<const char *>one.rdata, one.length),
        )
        at += one.size


def survey(const uint8_t[::1] octets, bytes apex not None):
    """Return the number of records in ``octets``, of which the first is the SOA of ``apex``.

    ValueError says which rule is broken: records are whole, of names in the zone, in order, no
    two the same, and no other one is an SOA.
    """
    cdef uint64_t count = 0, size = octets.shape[0], at = 0
    cdef const uint8_t *start = &octets[0] if size else NULL
    cdef const uint8_t *top = <const uint8_t *>PyBytes_AS_STRING(apex)
    cdef int top_length = PyBytes_GET_SIZE(apex), fault = 0
    cdef Stored one, last
    with nogil:
        while at < size and not fault:
            if not view(start + at, start + size, &one) or not _is_of_in(&one):
                fault = 1
            elif not is_name(one.at + 1, one.owner_length):
                fault = 1
            elif not is_inside(one.at + 1, one.owner_length, top, top_length):
                fault = 2
            elif (one.rtype == SOA) != (count == 0) or (count == 0 and not _is_soa(&one, top_length)):
                fault = 3
            elif count > 1 and compare_records(&last, &one) >= 0:
                fault = 4
            count += 1
            at += one.size
            last = one
    if fault:
        raise ValueError(f"record {count} is {_FAULTS[fault]}")
    if not count:
        raise ValueError("there is no record")
    return count


_FAULTS = {
    1: "no record",
    2: "not in the zone",
    3: "not the only SOA, at the apex and first",
    4: "out of order",
}


cdef inline bint _is_of_in(const Stored *one) noexcept nogil:
    cdef const uint8_t *fixed = one.at + 1 + one.owner_length
    return fixed[2] == 0 and fixed[3] == 1


cdef bint _is_soa(const Stored *one, int apex_length) noexcept nogil:
    return one.owner_length == apex_length and one.length > 20 and (
        _after_names(one.rdata, one.length, 0, 2) == one.length - 20
    )
