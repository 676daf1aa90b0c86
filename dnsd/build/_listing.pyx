# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The listing of a zone's RRsets, from a table to JSON without an object for each of them.

The native twin of what :mod:`dnsd.build.contents` makes of Python's records: the same octets.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from dnsd.versions._stored cimport Output
from dnsd.zone._table cimport Table
from dnsd.zone._targets cimport name_length, target_at
from dnsd.zone._tokens cimport fold
from dnsd.zone._tree cimport AT_CUT, OCCLUDED, Data, Set

from hashlib import blake2b
from ipaddress import IPv6Address

from dnsd.caches.version import targets_of
from dnsd.zone.typenames import type_name

cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <sys/socket.h>
    """
    const char *inet_ntop(int family, const void *address, char *text, int size) nogil
    int AF_INET6

cdef enum:
    TYPE_A = 1
    TYPE_PTR = 12
    TYPE_AAAA = 28
    TYPE_RRSIG = 46
    TYPE_NSEC = 47
    TYPE_NSEC3 = 50
    TYPE_SVCB = 64
    TYPE_HTTPS = 65
    LONGEST_TEXT = 1024       # of a name: each octet takes four at most
    DIGEST_OCTETS = 8

cdef struct Place:
    uint32_t index            # of the set
    uint32_t owner_length, type_length
    uint64_t at               # of the owner, among all texts
    const uint8_t *owner
    const uint8_t *type

cdef dict _type_texts = {}    # keeps what places point to


def listing_of(Table table, pools):
    """Return the listing of the zone in ``table`` as JSON, without RRsets that are ``pools``."""
    cdef uint64_t count = 0, i
    cdef Place *places = <Place *>malloc(table.end() * sizeof(Place))
    cdef Output texts = Output(), out = Output(), form = Output()
    if places == NULL:
        raise MemoryError
    try:
        count = _place(table, pools, places, texts)
        for i in range(count):
            places[i].owner = texts.octets + places[i].at
        qsort(places, count, sizeof(Place), _compare)
        out.put(b"[", 1)
        for i in range(count):
            if i:
                out.put(b",", 1)
            _write(table, &places[i], out, form)
        out.put(b"]", 1)
    finally:
        free(places)
    return out.taken()


cdef uint64_t _place(Table table, pools, Place *places, Output texts) except? 0:
    """Find what is listed, and write how the owners are called into ``texts``."""
    cdef uint32_t at, node, last = 0, length = 0
    cdef uint64_t count = 0, start = 0
    cdef int rtype
    cdef bytes text
    cdef uint8_t name[LONGEST_TEXT]
    left_out = {(table.node_named(owner), rtype) for owner, rtype in pools}
    for at in range(1, table.end()):
        node, rtype = table.sets[at].node, table.sets[at].rtype
        if not _is_listed(table.nodes[node].flags, rtype) or (
            left_out and (node, rtype) in left_out
        ):
            continue
        if node != last:  # as a rule all records of a name stand together
            length = write_name(table.nodes[node].name, name)
            start, last = texts.used, node
            texts.put(name, length)
        text = _type_text(rtype)
        places[count].index, places[count].at, places[count].owner_length = at, start, length
        places[count].type = <const uint8_t *>PyBytes_AS_STRING(text)
        places[count].type_length = PyBytes_GET_SIZE(text)
        count += 1
    return count


cdef inline bint _is_listed(int flags, int rtype) noexcept:
    """Whether RRsets of a type can stand in a response and are asked about; glue are addresses."""
    if flags & OCCLUDED:
        return flags & AT_CUT and (rtype == TYPE_A or rtype == TYPE_AAAA)
    return rtype != TYPE_RRSIG and rtype != TYPE_NSEC and rtype != TYPE_NSEC3


cdef bytes _type_text(int rtype):
    text = _type_texts.get(rtype)
    if text is None:
        text = _type_texts[rtype] = type_name(rtype).encode()
    return text


cdef int _compare(const void *a, const void *b) noexcept nogil:
    cdef const Place *x = <const Place *>a
    cdef const Place *y = <const Place *>b
    cdef int found = _compare_octets(x.owner, x.owner_length, y.owner, y.owner_length)
    return found or _compare_octets(x.type, x.type_length, y.type, y.type_length)


cdef int _compare_data(const void *a, const void *b) noexcept nogil:
    cdef const Data *x = <const Data *>a
    cdef const Data *y = <const Data *>b
    return _compare_octets(x.at, x.length, y.at, y.length)


cdef inline int _compare_octets(
    const uint8_t *a, uint32_t a_length, const uint8_t *b, uint32_t b_length
) noexcept nogil:
    cdef int found = memcmp(a, b, min(a_length, b_length))
    if found:
        return found
    return -1 if a_length < b_length else a_length > b_length


# -- one RRset --------------------------------------------------------------------------------


cdef int _write(Table table, const Place *place, Output out, Output form) except -1:
    cdef Set *own = &table.sets[place.index]
    cdef Data *datas = <Data *>malloc(own.count * sizeof(Data))
    cdef uint32_t count
    cdef char ttl[24]
    if datas == NULL:
        raise MemoryError
    try:
        memcpy(datas, &table.datas[own.first], own.count * sizeof(Data))
        count = _sort(datas, own.count)
        out.put(b'["', 2)
        _put_json(out, place.owner, place.owner_length)
        out.put(b'","', 3)
        out.put(place.type, place.type_length)
        out.put(b'","', 3)
        _put_digest(out, form, place, datas, count)
        out.put(b'",[', 3)
        _put_targets(out, own.rtype, datas, count)
        out.put(b"],", 2)
        out.put(<uint8_t *>ttl, snprintf(ttl, sizeof(ttl), b"%u", own.ttl))
        return out.put(b"]", 1)
    finally:
        free(datas)


cdef uint32_t _sort(Data *datas, uint32_t count) noexcept:
    """Put data in order, each once; return how many are left."""
    cdef uint32_t i, kept = 1
    if count > 1:
        qsort(datas, count, sizeof(Data), _compare_data)
    for i in range(1, count):
        if _compare_data(&datas[i], &datas[kept - 1]):
            datas[kept] = datas[i]
            kept += 1
    return min(kept, count)


cdef int _put_digest(
    Output out, Output form, const Place *place, const Data *datas, uint32_t count
) except -1:
    """Write the digest of an RRset (:func:`dnsd.caches.version.digest_of`)."""
    cdef uint8_t size[2]
    cdef uint32_t i
    form.used = 0
    form.put(place.owner, place.owner_length)
    form.put(b" ", 1)
    form.put(place.type, place.type_length)
    for i in range(count):
        size[0], size[1] = datas[i].length >> 8, datas[i].length & 0xFF
        form.put(size, 2)
        form.put(datas[i].at, datas[i].length)
    digest = blake2b(form.taken(), digest_size=DIGEST_OCTETS).hexdigest().encode()
    return out.put(<const uint8_t *>PyBytes_AS_STRING(digest), PyBytes_GET_SIZE(digest))


cdef int _put_targets(Output out, int rtype, const Data *datas, uint32_t count) except -1:
    """Write the addresses and names that records lead to, in order, each once."""
    cdef list found
    cdef uint32_t i
    cdef bint is_first = True
    if rtype == TYPE_SVCB or rtype == TYPE_HTTPS:
        rdatas = [datas[i].at[: datas[i].length] for i in range(count)]
        found = [text.encode() for text in targets_of(type_name(rtype), rdatas)]
    elif rtype == TYPE_A or rtype == TYPE_AAAA or (target_at(rtype) >= 0 and rtype != TYPE_PTR):
        found = [_target(rtype, &datas[i]) for i in range(count)]
        if count > 1:
            found = sorted(set(found))
    else:
        return 0
    for text in found:
        out.put(b'"' if is_first else b',"', 1 if is_first else 2)
        _put_json(out, <const uint8_t *>PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        out.put(b'"', 1)
        is_first = False
    return 0


cdef bytes _target(int rtype, const Data *data):
    cdef uint8_t text[LONGEST_TEXT]
    cdef uint8_t lower[256]
    cdef int used = 0, i
    if rtype == TYPE_A:
        for i in range(data.length):
            used += _write_number(data.at[i], text + used)
            text[used] = 46
            used += 1
        return PyBytes_FromStringAndSize(<char *>text, used - 1)
    if rtype == TYPE_AAAA:
        return _address(data.at)
    used = target_at(rtype)
    fold(lower, data.at + used, name_length(data.at + used))
    return PyBytes_FromStringAndSize(<char *>text, write_name(lower, text))


cdef bytes _address(const uint8_t *octets):
    """Return an IPv6 address as :mod:`ipaddress` has it, which differs for embedded IPv4."""
    cdef char text[48]
    cdef int i = 0
    while i < 10 and octets[i] == 0:
        i += 1
    if i == 10:
        return str(IPv6Address(octets[:16])).encode()
    inet_ntop(AF_INET6, octets, text, sizeof(text))
    return text


# -- text -------------------------------------------------------------------------------------


cdef int write_name(const uint8_t *name, uint8_t *out) noexcept:
    """Write how a name is presented, as :func:`dnsd.wire.name.to_text`; return its length."""
    cdef int at = 0, used = 0, i
    if name[0] == 0:
        out[0] = 46
        return 1
    while name[at]:
        for i in range(at + 1, at + 1 + name[at]):
            used += _write_octet(name[i], out + used)
        out[used] = 46
        used += 1
        at += 1 + name[at]
    return used


cdef inline int _write_octet(uint8_t octet, uint8_t *out) noexcept:
    if octet < 0x21 or octet > 0x7E:
        out[0], out[1] = 92, 48 + octet // 100
        out[2], out[3] = 48 + octet // 10 % 10, 48 + octet % 10
        return 4
    if octet in (34, 36, 40, 41, 46, 59, 64, 92):  # "$().;@\
        out[0], out[1] = 92, octet
        return 2
    out[0] = octet
    return 1


cdef inline int _write_number(uint8_t value, uint8_t *out) noexcept:
    cdef int used = 0
    if value >= 100:
        out[used] = 48 + value // 100
        used += 1
    if value >= 10:
        out[used] = 48 + value // 10 % 10
        used += 1
    out[used] = 48 + value % 10
    return used + 1


cdef int _put_json(Output out, const uint8_t *text, uint32_t length) except -1:
    """Write a text, printable ASCII, as it stands in quotes in JSON."""
    cdef uint32_t i, start = 0
    for i in range(length):
        if text[i] == 34 or text[i] == 92:
            out.put(text + start, i - start)
            out.put(b"\\", 1)
            start = i
    return out.put(text + start, length - start)
