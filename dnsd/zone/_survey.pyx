# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a table has as a whole: how much, for how long, and where it leads."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from dnsd.wire.siphash cimport siphash13
from dnsd.zone._table cimport Table
from dnsd.zone._targets cimport name_length, target_at
from dnsd.zone._tree cimport Data

cdef enum:
    TYPE_PTR = 12
    TYPE_DNAME = 39
    TYPE_RRSIG = 46
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
