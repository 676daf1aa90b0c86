# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Collects records, from a zone or a transfer, and puts them in order.

Records are kept as octets; what is sorted are their places, each with the first octets of its
owner in a form whose order is that of names, so that most comparisons look at two words.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from dnsd.versions._stored cimport (
    FIXED,
    Output,
    Stored,
    compare_records,
    is_inside,
    is_name,
    lowered,
    view,
)

cdef enum:
    SOA = 6
    HEAD = 16                 # octets of an owner that are compared first
    ALL = 1 << 17             # octets that no record has


cdef class Collector:
    """Collects the records of one zone whose ``apex`` is in lower case.

    ``len()`` is how many there are, but for the SOA; ``octets`` how much room they take.
    """

    def __cinit__(self, bytes apex not None):
        self.apex, self.apex_length = apex, PyBytes_GET_SIZE(apex)
        self.collected, self.soa = Output(), Output()

    def __len__(self):
        return self.count

    @property
    def octets(self):
        """How many octets the records take so far."""
        return self.soa.used + self.collected.used

    @property
    def soa_octets(self):
        """The stored SOA, b"" while there is none."""
        return self.soa.taken()

    def add(self, bytes owner not None, int rtype, uint32_t ttl, bytes rdata not None):
        """Add a record of class IN.

        ValueError when ``owner`` is no name in the zone, or for an SOA that is not at the apex
        or not the first one.
        """
        cdef Py_ssize_t length = PyBytes_GET_SIZE(owner), octets = PyBytes_GET_SIZE(rdata)
        if not is_name(<const uint8_t *>PyBytes_AS_STRING(owner), length):
            raise ValueError("an owner must be one uncompressed name of at most 255 octets")
        if octets > 0xFFFF or not 0 <= rtype <= 0xFFFF:
            raise ValueError("a type, and the length of data, are two octets")
        self.put(
            <const uint8_t *>PyBytes_AS_STRING(owner), length, rtype, ttl,
            <const uint8_t *>PyBytes_AS_STRING(rdata), octets,
        )

    cdef int put(
        self, const uint8_t *owner, int owner_length, int rtype, uint32_t ttl,
        const uint8_t *rdata, int length
    ) except -1:
        """Add a record whose ``owner`` is a name; as :meth:`add`."""
        cdef uint8_t fixed[FIXED]
        cdef uint8_t size = owner_length
        cdef Output into = self.collected
        if not is_inside(
            owner, owner_length, <const uint8_t *>PyBytes_AS_STRING(self.apex),
            self.apex_length
        ):
            raise ValueError("an owner must be in the zone")
        if rtype == SOA:
            if owner_length != self.apex_length or self.soa.used:
                raise ValueError("a zone has one SOA, at its apex")
            into = self.soa
        else:
            self.count += 1
        fixed[0], fixed[1], fixed[2], fixed[3] = rtype >> 8, rtype & 0xFF, 0, 1
        fixed[4], fixed[5], fixed[6], fixed[7] = ttl >> 24, ttl >> 16 & 0xFF, ttl >> 8 & 0xFF, ttl & 0xFF
        fixed[8], fixed[9] = length >> 8, length & 0xFF
        into.put(&size, 1)
        into.put(owner, owner_length)
        into.put(fixed, FIXED)
        into.put(rdata, length)
        return 0

    def stored(self):
        """Return (octets, count): the SOA if there is one, then the other records in order.

        Of records that are the same only the first that came is left.
        """
        cdef Output result = Output()
        cdef Place *places = <Place *>malloc((self.count + 1) * sizeof(Place))
        cdef uint64_t i, count = self.soa.used > 0
        cdef Stored one, last
        cdef const uint8_t *end
        if places == NULL:
            raise MemoryError
        try:
            end = self.collected.octets + self.collected.used
            with nogil:
                result.put(self.soa.octets, self.soa.used)
                self._place(places)
                if not self._is_sorted(places):
                    qsort(places, self.count, sizeof(Place), _compare_places)
                for i in range(self.count):
                    view(places[i].at, end, &one)
                    if i == 0 or compare_records(&last, &one):
                        result.put(one.at, one.size)
                        last = one
                        count += 1
        finally:
            free(places)
        return result.taken(), count

    cdef void _place(self, Place *places) noexcept nogil:
        cdef const uint8_t *at = self.collected.octets
        cdef const uint8_t *end = at + self.collected.used
        cdef uint64_t i
        cdef Stored one
        for i in range(self.count):
            view(at, end, &one)
            places[i].at = at
            _head(one.at + 1, one.owner_length - self.apex_length, &places[i])
            at += one.size

    cdef bint _is_sorted(self, const Place *places) noexcept nogil:
        cdef uint64_t i
        for i in range(1, self.count):
            if _compare_places(&places[i - 1], &places[i]) > 0:
                return False
        return True


cdef void _head(const uint8_t *owner, int relative, Place *place) noexcept nogil:
    """Note the first octets of the owner's labels below the apex, from the right.

    A label ends with 0; 0 in one is 1 1, and 1 is 1 2: so the end of a label comes first.
    """
    cdef uint8_t labels[128]
    cdef uint8_t head[HEAD + 2]
    cdef int count = 0, at = 0, used = 0, i
    cdef uint8_t octet
    while at < relative:
        labels[count] = at
        count += 1
        at += 1 + owner[at]
    while count and used < HEAD:
        count -= 1
        at = labels[count]
        for i in range(1, owner[at] + 1):
            octet = lowered(owner[at + i])
            if octet <= 1:
                head[used] = 1
                used += 1
                octet += 1
            head[used] = octet
            used += 1
            if used >= HEAD:
                break
        if used < HEAD:
            head[used] = 0
            used += 1
    while used < HEAD:
        head[used] = 0
        used += 1
    place.high, place.low = _word(head), _word(head + 8)


cdef inline uint64_t _word(const uint8_t *at) noexcept nogil:
    cdef uint64_t word = 0
    cdef int i
    for i in range(8):
        word = word << 8 | at[i]
    return word


cdef int _compare_places(const void *a, const void *b) noexcept nogil:
    cdef const Place *x = <const Place *>a
    cdef const Place *y = <const Place *>b
    cdef Stored one, other
    cdef int found
    if x.high != y.high:
        return -1 if x.high < y.high else 1
    if x.low != y.low:
        return -1 if x.low < y.low else 1
    # both were put here whole, so there is no end to look for
    view(x.at, x.at + ALL, &one)
    view(y.at, y.at + ALL, &other)
    found = compare_records(&one, &other)
    if found:
        return found
    return -1 if x.at < y.at else x.at > y.at
