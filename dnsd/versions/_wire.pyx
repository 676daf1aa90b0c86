# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Records of received messages, without a Python object for each: names are written out in full.

Nothing in a message is believed: what points anywhere but back, ends too early, or is no data of
its type is a ValueError.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from dnsd.versions._collector cimport Collector
from dnsd.versions._stored cimport names_at

cdef enum:
    ROOM = 65536 + 1024
    SOA = 6
    BAD = -1


cdef struct Rdata:
    uint8_t octets[ROOM]
    int length


def collect(bytes message not None, int at, int count, Collector collector not None):
    """Read up to ``count`` records of ``message`` from offset ``at`` on into ``collector``.

    The first record of a collector is its SOA; before the next SOA reading stops. Returns where
    it stopped, and how many records are left. ValueError when a record is wrong, not of class IN
    or not in the zone.
    """
    cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(message)
    cdef int size = PyBytes_GET_SIZE(message), start, rtype, length, owner_length
    cdef uint32_t ttl
    cdef uint8_t owner[256]
    cdef Rdata rdata
    if at < 0:
        raise ValueError("no message has an offset below 0")
    while count > 0:
        start = at
        owner_length = _name(data, size, &at, owner)
        if owner_length == BAD or size - at < 10:
            raise ValueError("a record's owner is no name, or the message ends in the record")
        rtype, length = data[at] << 8 | data[at + 1], data[at + 8] << 8 | data[at + 9]
        ttl = <uint32_t>data[at + 4] << 24 | data[at + 5] << 16 | data[at + 6] << 8 | data[at + 7]
        if data[at + 2] or data[at + 3] != 1:
            raise ValueError("a record is not of class IN")
        at += 10
        if size - at < length:
            raise ValueError("the message ends in the data of a record")
        if rtype == SOA and collector.soa.used:
            return start, count
        if rtype != SOA and not collector.soa.used:
            raise ValueError("the first record is no SOA")
        if not _rdata(data, at, length, rtype, &rdata):
            raise ValueError(f"the data of a record of type {rtype} is wrong")
        collector.put(owner, owner_length, rtype, ttl, rdata.octets, rdata.length)
        at += length
        count -= 1
    return at, 0


def skip(bytes message not None, int at, int count):
    """Return where ``count`` records that begin at offset ``at`` end; ValueError as collect."""
    cdef const uint8_t *data = <const uint8_t *>PyBytes_AS_STRING(message)
    cdef int size = PyBytes_GET_SIZE(message)
    cdef uint8_t owner[256]
    if at < 0:
        raise ValueError("no message has an offset below 0")
    while count > 0:
        if _name(data, size, &at, owner) == BAD or size - at < 10:
            raise ValueError("a record's owner is no name, or the message ends in the record")
        at += 10 + (data[at + 8] << 8 | data[at + 9])
        if at > size:
            raise ValueError("the message ends in the data of a record")
        count -= 1
    return at


cdef int _name(const uint8_t *data, int size, int *at, uint8_t *out) noexcept nogil:
    """Write out the name at ``at``, which goes behind it; return its length, or BAD.

    A pointer leads before the place where the name, or the part with the pointer, begins
    (RFC 1035 §4.1.4): so there is an end.
    """
    cdef int used = 0, here = at[0], begin = here, length
    cdef bint has_jumped = False
    while here < size:
        length = data[here]
        if length >= 0xC0:
            if here + 1 >= size:
                return BAD
            if not has_jumped:
                at[0] = here + 2
                has_jumped = True
            here = (length & 0x3F) << 8 | data[here + 1]
            if here >= begin:
                return BAD
            begin = here
            continue
        if length > 63 or here + length >= size or used + 1 + length > 255:
            return BAD
        memcpy(out + used, data + here, 1 + length)
        used += 1 + length
        here += 1 + length
        if length == 0:
            if not has_jumped:
                at[0] = here
            return used
    return BAD


cdef bint _rdata(const uint8_t *data, int at, int length, int rtype, Rdata *out) noexcept nogil:
    """Write out data of a record, its names in full; False when it is wrong."""
    cdef int begin, names, end = at + length, used = BAD
    cdef int here = at
    names = names_at(rtype, data + at, length, &begin)
    if names == 0 or begin >= length:
        memcpy(out.octets, data + at, length)
        out.length = length
        return names == 0 or _may_be_anything(rtype)
    memcpy(out.octets, data + at, begin)
    out.length = begin
    here += begin
    for _ in range(names):
        used = _name(data, end, &here, out.octets + out.length)
        if used == BAD:
            break
        out.length += used
    if used == BAD:
        # as it stands, it may mean something to those who made it (RFC 3597 §5)
        memcpy(out.octets, data + at, length)
        out.length = length
        return _may_be_anything(rtype)
    if out.length + end - here > 0xFFFF:
        return False
    memcpy(out.octets + out.length, data + here, end - here)
    out.length += end - here
    return True


cdef inline bint _may_be_anything(int rtype) noexcept nogil:
    """Whether the type is an obsolete one: MD, MF, MB, MG, MR, MINFO, NXT, A6."""
    return rtype in (3, 4, 7, 8, 9, 14, 30, 38)
