# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The records of a version in canonical form, as a digest of the zone has them (RFC 8976 §3.3)."""

from libc.stdint cimport uint8_t, uint64_t

from dnsd.versions._stored cimport FIXED, Output, Stored, folded_part, lowered, view

cdef enum:
    SOA = 6
    RRSIG = 46
    ZONEMD = 63
    CHUNK = 1 << 18


def canonical_form(const uint8_t[::1] octets, bytes apex not None):
    """Yield the octets that are digested, in pieces: of all records but the digests themselves.

    Owners, and the names in data whose case does not count, are in lower case (RFC 4034 §6.2); the
    SOA stands where its type has it.
    """
    cdef uint64_t size = octets.shape[0], at
    cdef Output out = Output()
    cdef Stored soa, one
    cdef int top = len(apex)
    cdef bint is_pending = True
    if not view(&octets[0], &octets[0] + size, &soa):
        raise ValueError("there is no record")
    at = soa.size
    while at < size:
        if not view(&octets[at], &octets[0] + size, &one):
            raise ValueError(f"no record begins at octet {at}")
        at += one.size
        if is_pending and (one.owner_length != top or one.rtype > SOA):
            _put(out, &soa)
            is_pending = False
        if one.owner_length == top and (one.rtype == ZONEMD or _covers_digest(&one)):
            continue
        _put(out, &one)
        if out.used >= CHUNK:
            yield out.taken()
            out.used = 0
    if is_pending:
        _put(out, &soa)
    yield out.taken()


cdef inline bint _covers_digest(const Stored *one) noexcept:
    return one.rtype == RRSIG and one.length > 1 and (
        one.rdata[0] == 0 and one.rdata[1] == ZONEMD
    )


cdef int _put(Output out, const Stored *one) except -1:
    cdef uint64_t start = out.used
    cdef int i, begin, end
    cdef uint8_t *made
    out.put(one.at + 1, one.size - 1)
    made = out.octets + start
    for i in range(one.owner_length):
        made[i] = lowered(made[i])
    folded_part(one.rtype, one.rdata, one.length, &begin, &end)
    made += one.owner_length + FIXED
    for i in range(begin, end):
        made[i] = lowered(made[i])
    return 0
