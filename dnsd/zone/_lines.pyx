# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Entries of a zone file to records, as long as there is nothing to say about them.

Directives, owners outside of the zone and all that is wrong or only unusual stop the
reading: :mod:`dnsd.zone.reader` takes that entry, and comes back.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_GET_LENGTH, PyUnicode_KIND

from dnsd.zone._fields cimport ttl_of, type_of, write_rdata
from dnsd.zone._table cimport ADDED
from dnsd.zone._tokens cimport Token, fold, read_name, scan, skip_blank

from dnsd.zone.records import RRset

cdef extern from *:
    """
    #define dnsd_text(text) ((const unsigned char *)PyUnicode_1BYTE_DATA(text))
    """
    const uint8_t *dnsd_text(object text)

cdef enum:
    TYPE_SOA = 6
    TYPE_SVCB = 64
    TYPE_HTTPS = 65


cdef class Lines:
    """Reads the records of one zone; ``limit`` is how many octets an entry may have."""

    def __cinit__(self, bytes apex, Py_ssize_t limit):
        self.apex, self.limit = apex, limit

    def read(
        self, str text, Py_ssize_t at, Py_ssize_t line, bytes origin, bytes owner,
        int64_t ttl, bint stated, Py_ssize_t most, gatherer,
    ):
        """Read entries from offset ``at``; stop before the first that is not for here.

        ``owner`` is the current one as spelled (b"": none, or not in the zone). ``ttl`` is what
        a record without one gets, -1 if there is none; ``stated`` says that a TTL changes it
        (there is no $TTL). Up to ``most`` records go to ``gatherer``, or to its table.
        Returns (offset, line, owner, last TTL stated or -1).
        """
        cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text), count = 0
        cdef const uint8_t *data
        cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(origin)
        cdef int origin_length = PyBytes_GET_SIZE(origin)
        cdef int64_t last = -1, its
        if PyUnicode_KIND(text) != 1:
            return at, line, owner, -1
        data = dnsd_text(text)
        self.begin(gatherer, owner)
        while count < most:
            at = skip_blank(data, at, size, &line)
            if at == size or not self.take(data, at, size, octets, origin_length):
                break
            its = self.ttl if self.ttl >= 0 else ttl
            if its < 0:
                break
            if self.is_new:
                self.owner = self.found
                self.node = 0
                self.key = None
            if self.ttl >= 0:
                last = self.ttl
                if stated:
                    ttl = last
            if self.table is not None:
                self._keep(<uint32_t>its, line)
            else:
                self._hand_over(its, line)
            count += 1
            line += self.entry.lines
            at = self.entry.end
        return at, line, self._spelled(), last

    cdef int begin(self, gatherer, bytes owner) except -1:
        self.gatherer, self.table = gatherer, gatherer.table
        self.file = self.table.file_number(gatherer.file) if self.table is not None else 0
        self.owner.length = PyBytes_GET_SIZE(owner)
        memcpy(self.owner.name, PyBytes_AS_STRING(owner), self.owner.length)
        fold(self.owner.lower, self.owner.name, self.owner.length)
        self.node, self.key = 0, None
        return 0

    cdef bytes _spelled(self):
        return _octets(self.owner.name, self.owner.length)

    cdef int _keep(self, uint32_t ttl, uint32_t line) except -1:
        """Put the record into the table; what that does not take is for Python to explain."""
        cdef int outcome
        if self.node == 0:
            self.node = self.table.node_of(self.owner.lower, self.owner.length)
        outcome = self.table.add_record(
            self.node, self.owner.name, self.rtype, ttl, self.rdata, self.length, line, self.file
        )
        self.gatherer.records += 1
        if outcome != ADDED:
            rdata = _octets(self.rdata, self.length)
            self.gatherer.explain(
                outcome,
                RRset(self._spelled(), self.rtype, ttl, (rdata,), self.gatherer.file, line),
            )
        return 0

    cdef int _hand_over(self, int64_t ttl, Py_ssize_t line) except -1:
        if self.key is None:
            self.key = _octets(self.owner.lower, self.owner.length)
            self.name = self._spelled()
        self.gatherer.add(
            self.name, self.key, self.rtype, ttl, _octets(self.rdata, self.length), line
        )
        return 0

    cdef bint take(
        self, const uint8_t *data, Py_ssize_t at, Py_ssize_t size, const uint8_t *origin,
        int origin_length
    ) noexcept:
        """Take the record at ``at``; False when it is not for here.

        A new owner is in ``found``: it becomes the current one when the record is accepted.
        """
        cdef int used = 0
        if not scan(data, at, size, self.limit, &self.entry) or self.entry.tokens[0].at[0] == 36:
            return False
        self.is_new = not self.entry.blank
        if self.is_new:
            used = 1
            self.found.length = read_name(
                &self.entry.tokens[0], origin, origin_length, self.found.name
            )
            if self.found.length == 0 or _is_octal_wildcard(&self.entry.tokens[0]):
                return False
            fold(self.found.lower, self.found.name, self.found.length)
        if not self._is_inside(&self.found if self.is_new else &self.owner):
            return False
        if not self._header(&used) or (self.rtype == TYPE_SOA and not self._is_at_apex()):
            return False
        # the values of parameters, alpn="h2", are all that may be glued to something
        if self.entry.glued and self.rtype != TYPE_SVCB and self.rtype != TYPE_HTTPS:
            return False
        self.length = write_rdata(
            self.rtype, &self.entry.tokens[used], self.entry.count - used, origin, origin_length,
            self.rdata, ROOM
        )
        return self.length >= 0

    cdef bint _header(self, int *at) noexcept:
        """Read TTL and class, in any order, and the type."""
        cdef const Token *token
        cdef bint has_class = False
        self.ttl = -1
        while at[0] < self.entry.count:
            token = &self.entry.tokens[at[0]]
            at[0] += 1
            if token.quoted or token.length == 0:
                return False
            if self.ttl < 0 and 48 <= token.at[0] <= 57:
                self.ttl = ttl_of(token)
                if self.ttl < 0:
                    return False
            elif not has_class and token.length == 2 and (
                token.at[0] | 32 == 105 and token.at[1] | 32 == 110
            ):
                has_class = True
            else:
                self.rtype = type_of(token)
                return self.rtype > 0
        return False

    cdef bint _is_at_apex(self) noexcept:
        return (self.found if self.is_new else self.owner).length == PyBytes_GET_SIZE(self.apex)

    cdef bint _is_inside(self, const Owner *owner) noexcept:
        cdef int at = 0, above = owner.length - <int>PyBytes_GET_SIZE(self.apex)
        if above < 0 or memcmp(
            owner.lower + above, PyBytes_AS_STRING(self.apex), PyBytes_GET_SIZE(self.apex)
        ) != 0:
            return False
        while at < above:
            at += 1 + owner.lower[at]
        return at == above


cdef inline bytes _octets(const uint8_t *at, Py_ssize_t length):
    return PyBytes_FromStringAndSize(<const char *>at, length)


cdef inline bint _is_octal_wildcard(const Token *token) noexcept:
    return token.escaped and token.length >= 4 and memcmp(token.at, b"\\052", 4) == 0
