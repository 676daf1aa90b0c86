# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a table has as a whole: how much, for how long, and where it leads."""

from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from dnsd.wire.siphash cimport siphash13
from dnsd.zone._table cimport Table
from dnsd.zone._targets cimport name_length, target_at
from dnsd.zone._tree cimport Data, Node

cdef enum:
    TYPE_PTR = 12
    TYPE_DNAME = 39
    TYPE_RRSIG = 46
    TIMES = 16                # octets of an RRSIG up to the end of its times
    SEEN = 4096               # targets that are known again; one that was forgotten is told twice


def count_rrsets(Table table):
    """Return how many RRsets there are, without signatures."""
    cdef uint32_t at, found = 0
    for at in range(1, table.end()):
        found += table.sets[at].rtype != TYPE_RRSIG
    return found


def longest_ttl(Table table, types):
    """Return the largest TTL of RRsets of ``types``, or of all but signatures if that is None."""
    cdef uint32_t at, found = 0
    cdef int last = -1
    cdef bint is_meant = False
    for at in range(1, table.end()):
        if table.sets[at].rtype != last:
            last = table.sets[at].rtype
            is_meant = last in types if types is not None else True
        if is_meant and last != TYPE_RRSIG and table.sets[at].ttl > found:
            found = table.sets[at].ttl
    return found


def leading(Table table, pools):
    """Yield RRsets that lead to names, all that lead to one among them; not ``pools``.

    ``pools`` are owners and types. Of RRsets that lead to the same name the first one is yielded,
    and some others.
    """
    cdef uint64_t seen[SEEN]
    cdef uint64_t digest
    cdef uint32_t at, i
    cdef int start, rtype
    cdef Data *data
    cdef bint is_new
    left_out = {(table.node_named(owner), rtype) for owner, rtype in pools}
    memset(seen, 0, sizeof(seen))
    for at in range(1, table.end()):
        rtype, start = table.sets[at].rtype, target_at(table.sets[at].rtype)
        # who looks up an address is led nowhere by a PTR record
        if start < 0 or rtype == TYPE_PTR or (
            left_out and (table.sets[at].node, rtype) in left_out
        ):
            continue
        if rtype == TYPE_DNAME:
            yield table.rrset(at)  # it leads to all below a name, which is not what others say
            continue
        is_new = False
        for i in range(table.sets[at].count):
            data = &table.datas[table.sets[at].first + i]
            digest = siphash13(table.key, data.at + start, name_length(data.at + start))
            if seen[digest % SEEN] != digest:
                seen[digest % SEEN] = digest
                is_new = True
        if is_new:
            yield table.rrset(at)


cdef struct Span:
    int64_t left, began       # seconds until it ends, and since it began
    uint32_t rrset            # the set that is signed


def signed_for(Table table, uint32_t now):
    """Return how long signatures hold: see :func:`dnsd.zone.signedtimes.times_of`."""
    cdef uint32_t at
    cdef int64_t latest = INT64_MIN
    cdef Span first, one
    first.rrset = 0
    one.left = one.began = 0
    for at in range(1, table.end()):
        if table.sets[at].rtype != TYPE_RRSIG:
            continue
        one.rrset = table.has(table.sets[at].node, table.sets[at].covers)
        if not one.rrset or not _span(table, at, now, &one):
            continue
        if -_earliest(table, at, now) > latest:
            latest = -_earliest(table, at, now)
        if not first.rrset or one.left < first.left or (
            one.left == first.left and _is_before(table, one.rrset, first.rrset)
        ):
            first = one
    if not first.rrset:
        return None
    return latest, first.left, first.left + first.began, table.rrset(first.rrset)


cdef bint _span(Table table, uint32_t at, uint32_t now, Span *span) noexcept:
    """Find the signature that lasts longest of the set ``at``."""
    cdef bint is_found = False
    cdef uint32_t i
    cdef Data *data
    for i in range(table.sets[at].count):
        data = &table.datas[table.sets[at].first + i]
        if data.length >= TIMES and (not is_found or _until(data.at + 8, now) > span.left):
            span.left, span.began = _until(data.at + 8, now), -_until(data.at + 12, now)
            is_found = True
    return is_found


cdef int64_t _earliest(Table table, uint32_t at, uint32_t now) noexcept:
    """Return for how many seconds the first signature of the set ``at`` has held."""
    cdef int64_t most = INT64_MIN
    cdef uint32_t i
    cdef Data *data
    for i in range(table.sets[at].count):
        data = &table.datas[table.sets[at].first + i]
        if data.length >= TIMES and -_until(data.at + 12, now) > most:
            most = -_until(data.at + 12, now)
    return most


cdef inline int64_t _until(const uint8_t *at, uint32_t now) noexcept:
    """Return the seconds from ``now`` until the time at ``at``: a serial number (RFC 1982)."""
    cdef uint32_t time = at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]
    return <int32_t>(time - now)


cdef bint _is_before(Table table, uint32_t one, uint32_t other) noexcept:
    """Return whether the set ``one`` is told of before ``other``, as the twin does it."""
    cdef Node *mine = &table.nodes[table.sets[one].node]
    cdef Node *theirs = &table.nodes[table.sets[other].node]
    cdef int order
    if table.sets[one].line != table.sets[other].line:
        return table.sets[one].line < table.sets[other].line
    order = memcmp(mine.name, theirs.name, min(mine.length, theirs.length))
    if order == 0 and mine.length != theirs.length:
        order = mine.length - theirs.length
    return order < 0 or (order == 0 and table.sets[one].rtype < table.sets[other].rtype)
