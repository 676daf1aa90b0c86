# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What two sorted runs of stored records make together: differences, versions, joint differences.

Each goes once through its input, without a Python object for a record and without the GIL.
Nothing here knows of SOA records: who calls leaves them out.
"""

from libc.stdint cimport uint8_t, uint64_t

from cpython.bytes cimport PyBytes_FromStringAndSize

from dnsd.versions._stored cimport Output, Stored, compare_records, is_same, view

from dnsd.wire.records import Record


cdef struct Cursor:
    const uint8_t *at
    const uint8_t *end
    Stored one
    bint has                  # whether there is a record: at the end there is none


cdef enum:
    NOT_THERE = 1
    THERE_ALREADY = 2
    NO_RECORD = 3


class Misfit(Exception):
    """A difference that doesn't fit; ``record`` is the first that doesn't, and ``why``."""

    def __init__(self, why: str, record: Record) -> None:
        super().__init__(why)
        self.why, self.record = why, record


_WHYS = {
    NOT_THERE: "it is to be removed, and is not there",
    THERE_ALREADY: "it is to be added, and is there already",
    NO_RECORD: "it is no record",
}


def differ(const uint8_t[::1] old, const uint8_t[::1] new):
    """Return (removed, added): what has to go from ``old`` and to come to make it ``new``.

    A record that stays with another TTL, or in another spelling, goes and comes.
    """
    cdef Cursor a, b
    cdef Output removed = Output(), added = Output()
    cdef int order
    _begin(&a, old)
    _begin(&b, new)
    with nogil:
        while a.has or b.has:
            if a.has and b.has and is_same(&a.one, &b.one):
                _next(&a)
                _next(&b)
                continue
            order = _order(&a, &b)
            if order <= 0:
                removed.put(a.one.at, a.one.size)
                _next(&a)
            if order >= 0:
                added.put(b.one.at, b.one.size)
                _next(&b)
    return removed.taken(), added.taken()


def apply(const uint8_t[::1] version, const uint8_t[::1] removed, const uint8_t[::1] added):
    """Return ``version`` without ``removed`` and with ``added``; Misfit when that can't be.

    TTLs and spellings of what is removed don't count.
    """
    cdef Cursor now, less, more
    cdef Output result = Output()
    cdef const uint8_t *run
    cdef int order, fault = 0
    cdef bint goes, comes
    cdef Stored one
    _begin(&now, version)
    _begin(&less, removed)
    _begin(&more, added)
    with nogil:
        run = now.one.at
        while (less.has or more.has) and not fault:
            order = _order(&less, &more)
            goes, comes = order <= 0, order >= 0
            one = less.one if goes else more.one
            while now.has and compare_records(&now.one, &one) < 0:
                _next(&now)
            result.put(run, _up_to(&now) - run)
            run = _up_to(&now)
            if now.has and compare_records(&now.one, &one) == 0:
                fault = 0 if goes else THERE_ALREADY
                _next(&now)
                run = _up_to(&now)
            elif goes:
                fault = NOT_THERE
            if comes:
                result.put(more.one.at, more.one.size)
                _next(&more)
            if goes:
                _next(&less)
        if now.has and not fault:
            result.put(run, now.end - run)
    if fault:
        raise _misfit(fault, &one)
    return result.taken()


def join(
    const uint8_t[::1] first_removed, const uint8_t[::1] first_added,
    const uint8_t[::1] then_removed, const uint8_t[::1] then_added,
):
    """Return (removed, added) of one difference that does what two do one after the other.

    Misfit when the second doesn't fit behind the first.
    """
    cdef Cursor cursors[4]
    cdef Output removed = Output(), added = Output()
    cdef bint at[4]
    cdef int i, least, fault = 0
    cdef Stored one
    _begin(&cursors[0], first_removed)
    _begin(&cursors[1], first_added)
    _begin(&cursors[2], then_removed)
    _begin(&cursors[3], then_added)
    with nogil:
        while not fault:
            least = -1
            for i in range(4):
                if cursors[i].has and (
                    least < 0 or compare_records(&cursors[i].one, &cursors[least].one) < 0
                ):
                    least = i
            if least < 0:
                break
            one = cursors[least].one
            for i in range(4):
                at[i] = cursors[i].has and compare_records(&cursors[i].one, &one) == 0
            fault = _joint(cursors, at, removed, added)
            for i in range(4):
                if at[i]:
                    _next(&cursors[i])
    if fault:
        raise _misfit(fault, &one)
    return removed.taken(), added.taken()


cdef int _joint(Cursor *cursors, bint *at, Output removed, Output added) except -1 nogil:
    """Put down what becomes of one record; ``at`` says in which of the four runs it is."""
    cdef Stored *before = &cursors[0].one if at[0] else NULL
    cdef Stored *after = NULL
    if at[0] or at[1]:
        # what the first difference says is known: whether the record is there behind it
        if at[2] and not at[1]:
            return NOT_THERE
        if at[3] and at[1] and not at[2]:
            return THERE_ALREADY
        if at[1] and not at[2]:
            after = &cursors[1].one
    elif at[2]:
        before = &cursors[2].one
    if at[3]:
        after = &cursors[3].one
    if before != NULL and after != NULL and is_same(before, after):
        return 0
    if before != NULL:
        removed.put(before.at, before.size)
    if after != NULL:
        added.put(after.at, after.size)
    return 0


cdef void _begin(Cursor *cursor, const uint8_t[::1] octets) noexcept:
    cdef uint64_t size = octets.shape[0]
    cursor.at = &octets[0] if size else NULL
    cursor.end = cursor.at + size
    cursor.one.at, cursor.one.size = cursor.at, 0
    cursor.has = True
    _next(cursor)


cdef inline void _next(Cursor *cursor) noexcept nogil:
    cursor.at += cursor.one.size
    cursor.has = view(cursor.at, cursor.end, &cursor.one)


cdef inline const uint8_t *_up_to(Cursor *cursor) noexcept nogil:
    """Where the octets end of the records before the current one."""
    return cursor.at if cursor.has else cursor.end


cdef inline int _order(Cursor *a, Cursor *b) noexcept nogil:
    """Which of two cursors comes first; the end comes last. At least one has a record."""
    if not b.has:
        return -1
    return compare_records(&a.one, &b.one) if a.has else 1


cdef object _misfit(int fault, Stored *one):
    return Misfit(
        _WHYS[fault],
        Record(
            PyBytes_FromStringAndSize(<const char *>one.at + 1, one.owner_length),
            one.rtype,
            one.ttl,
            PyBytes_FromStringAndSize(<const char *>one.rdata, one.length),
        ),
    )
