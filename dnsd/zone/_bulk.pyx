# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False
"""The records of a large zone that need no thought, kept without Python objects.

Reads runs of ordinary lines (A, AAAA, TXT with one quoted string) straight from the text of
a zone file into a table. A name stays here as long as all it has is plain: the first record
that is anything else moves it out, to where Python sees each RRset. So a million hosts cost
some 100 octets each, and every check is still made by the code that makes it for small zones.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Contains
from cpython.unicode cimport PyUnicode_GET_LENGTH, PyUnicode_KIND

from dnsd.wire.siphash cimport siphash13

import os

from dnsd.zone.records import RRset

cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <sys/socket.h>
    #define dnsd_latin1(text) ((const unsigned char *)PyUnicode_1BYTE_DATA(text))
    """
    const uint8_t *dnsd_latin1(object text)
    int inet_pton(int family, const char *text, void *out) nogil
    int AF_INET
    int AF_INET6

cdef enum:
    TYPE_A = 1
    TYPE_TXT = 16
    TYPE_AAAA = 28
    MAX_PER_RRSET = 64        # a larger RRset is better off with Python's dictionaries
    TYPES = 3

cdef uint8_t _key[16]         # no zone file can choose names that collide
memcpy(_key, PyBytes_AS_STRING(os.urandom(16)), 16)

MOST_PER_RRSET = MAX_PER_RRSET
MOST_PER_NAME = TYPES * MAX_PER_RRSET


cdef class Bulk:
    """The table. Names are wire names in lower case; every name in it is inside the zone."""

    def __cinit__(self, bytes apex):
        self.apex = apex
        self.files = []
        self.slot_mask = 1023
        self.slots = <uint32_t *>calloc(self.slot_mask + 1, sizeof(uint32_t))
        # octet 0 and node 0 are never used: 0 says "none"
        self.octets_used = self.nodes_used = self.records_used = 1
        if self.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.slots)
        free(self.nodes)
        free(self.records)
        free(self.octets)

    def __len__(self):
        return self.live

    def __contains__(self, bytes name):
        return self.find(<const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)) != 0

    def __iter__(self):
        cdef uint32_t node
        for node in range(1, self.nodes_used):
            if self.nodes[node].first:
                yield self._name(node)

    def file_number(self, str name):
        """Return the number by which :meth:`read` knows the file called ``name``."""
        if not self.files or self.files[len(self.files) - 1] != name:
            self.files.append(name)
        return len(self.files) - 1

    def get(self, bytes name):
        """Return {type: RRset} of ``name``, or None."""
        cdef uint32_t node = self.find(
            <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)
        )
        return self._types(node) if node else None

    def pop(self, bytes name):
        """Move ``name`` out: return its records as (type, TTL, rdata, owner, file, line)."""
        cdef uint32_t node = self.find(
            <const uint8_t *>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)
        )
        cdef uint32_t at
        cdef Record *record
        if node == 0:
            return []
        found = []
        owner = self._owner(node)
        at = self.nodes[node].first
        while at:
            record = &self.records[at]
            rdata = PyBytes_FromStringAndSize(<char *>self.octets + record.rdata, record.length)
            file = self.files[record.file]
            found.append((record.rtype, record.ttl, rdata, owner, file, record.line))
            at = record.next
        # the slot stays, so that probing goes on behind it; the node has nothing any more
        self.nodes[node].first = 0
        self.live -= 1
        return found

    def below(self, set stops):
        """Return the names below one of ``stops``; they are left out of images from now on."""
        cdef uint32_t node
        cdef bytes above, last = None
        cdef bint hidden = False
        found = set()
        for node in range(1, self.nodes_used):
            if self.nodes[node].first == 0:
                continue
            above = self._above(node)
            if above != last:
                hidden = self._is_below(above, stops)
                last = above
            self.nodes[node].occluded = hidden
            if hidden:
                found.add(self._name(node))
        return found

    cdef bint _is_below(self, bytes name, set stops):
        """Whether ``name`` or a name above it is one of ``stops``."""
        while name not in stops:
            if len(name) <= len(self.apex):
                return False
            name = name[1 + name[0]:]
        return True

    def empty_above(self, set owners):
        """Return the names between names that are not occluded and the apex that nobody has.

        ``owners`` are the names that Python has, the apex among them.
        """
        cdef uint32_t node
        cdef bytes above, last = None
        found = set()
        for node in range(1, self.nodes_used):
            if self.nodes[node].first == 0 or self.nodes[node].occluded:
                continue
            above = self._above(node)
            if above == last:
                continue
            last = above
            while above not in owners and above not in found and above not in self:
                found.add(above)
                above = above[1 + above[0]:]
        return found

    cdef bytes _above(self, uint32_t node):
        cdef Node *it = &self.nodes[node]
        cdef int skipped = 1 + self.octets[it.name]
        return PyBytes_FromStringAndSize(
            <char *>self.octets + it.name + skipped, it.length - skipped
        )

    # -- reading ------------------------------------------------------------------------------

    def read(
        self, str text, Py_ssize_t at, Py_ssize_t line, bytes origin, bytes owner,
        int64_t ttl, bint stated, dict others, Py_ssize_t most, int file,
    ):
        """Read ordinary lines from offset ``at``; stop before the first that is not.

        ``owner`` is the current one as spelled (b"": none, or not in the zone). ``ttl`` is what
        a line without one gets, -1 if there is none; ``stated`` says that a TTL on a line
        changes it (there is no $TTL). ``others`` are the names that Python has. Returns
        (offset, line, owner, last TTL stated or -1, records read).
        """
        cdef Line now
        cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text), end, count = 0
        cdef const uint8_t *data
        cdef int64_t last = -1, its_ttl
        cdef uint32_t node = 0
        cdef bint changed = False
        if PyUnicode_KIND(text) != 1 or len(origin) > 255 or len(owner) > 255:
            return at, line, owner, -1, 0
        data = dnsd_latin1(text)
        now.origin = <const uint8_t *>PyBytes_AS_STRING(origin)
        now.origin_length = PyBytes_GET_SIZE(origin)
        now.owner_length = 0
        if owner:
            self._set_owner(&now, <const uint8_t *>PyBytes_AS_STRING(owner), len(owner))
        while count < most:
            end = self._line(&now, data, at, size)
            if end == 0:
                break
            its_ttl = now.ttl if now.ttl >= 0 else ttl
            if its_ttl < 0:
                break
            if now.has_owner:
                if self._taken(&now, others):
                    break
                self._accept_owner(&now)
                node = 0
                changed = True
            elif now.owner_length == 0 or (node == 0 and self._taken_current(&now, others)):
                break
            if node == 0:
                node = self._node(&now)
            if not self._add(node, &now, its_ttl, line, file):
                break
            if now.ttl >= 0:
                last = now.ttl
                if stated:
                    ttl = last
            count += 1
            line += 1
            at = end
        if changed:
            owner = PyBytes_FromStringAndSize(<char *>now.owner, now.owner_length)
        return at, line, owner, last, count

    cdef void _set_owner(self, Line *now, const uint8_t *owner, int length):
        cdef int i
        memcpy(now.owner, owner, length)
        for i in range(length):
            now.lower[i] = owner[i] + 32 if 65 <= owner[i] <= 90 else owner[i]
        now.owner_length = length

    cdef void _accept_owner(self, Line *now):
        memcpy(now.owner, now.new_owner, now.new_length)
        memcpy(now.lower, now.new_lower, now.new_length)
        now.owner_length = now.new_length

    cdef bint _taken(self, Line *now, dict others):
        """Whether Python has the new owner, or it isn't plainly inside the zone."""
        cdef int length = now.new_length, apex = PyBytes_GET_SIZE(self.apex)
        cdef const uint8_t *name = now.new_lower
        cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(self.apex)
        cdef int at = 0
        if length <= apex or memcmp(name + length - apex, octets, apex) != 0:
            return True
        while at < length - apex:
            at += 1 + name[at]
        if at != length - apex:
            return True
        # a name that repeats the zone's own name is likely a forgotten dot: for Python to see
        if apex > 1 and length >= 2 * apex - 1 and memcmp(
            name + length - 2 * apex + 1, octets, apex - 1
        ) == 0:
            return True
        return PyDict_Contains(others, PyBytes_FromStringAndSize(<char *>name, length)) == 1

    cdef bint _taken_current(self, Line *now, dict others):
        memcpy(now.new_lower, now.lower, now.owner_length)
        memcpy(now.new_owner, now.owner, now.owner_length)
        now.new_length = now.owner_length
        return self._taken(now, others)

    cdef Py_ssize_t _line(self, Line *now, const uint8_t *data, Py_ssize_t at, Py_ssize_t size):
        """Take the line at ``at`` apart into ``now``; return where the next begins, or 0."""
        cdef Py_ssize_t start = at
        cdef int64_t number
        now.has_owner = at < size and not is_space(data[at])
        if now.has_owner:
            at = self._read_owner(now, data, at, size)
            if at == 0:
                return 0
        start = at
        at = skip_spaces(data, at, size)
        if at == start:
            return 0
        now.ttl = -1
        if at < size and 48 <= data[at] <= 57:
            number = 0
            start = at
            while at < size and 48 <= data[at] <= 57 and at - start < 11:
                number = number * 10 + data[at] - 48
                at += 1
            if number > 0x7FFFFFFF or at - start > 10:
                return 0
            now.ttl = number
            start = at
            at = skip_spaces(data, at, size)
            if at == start:
                return 0
        if at + 2 < size and data[at] | 32 == 105 and data[at + 1] | 32 == 110 and is_space(data[at + 2]):
            at = skip_spaces(data, at + 2, size)
        return self._read_rdata(now, data, at, size)

    cdef Py_ssize_t _read_owner(self, Line *now, const uint8_t *data, Py_ssize_t at, Py_ssize_t size):
        """Make wire form of a plain owner; return its end, or 0."""
        cdef int length = 0, label = 0
        cdef uint8_t c
        now.new_owner[0] = 0
        while at < size and length < 255:
            c = data[at]
            if 97 <= c <= 122 or 48 <= c <= 57 or c == 45 or c == 95 or 65 <= c <= 90:
                length += 1
                if length > 254 or length - label > 63:
                    return 0
                now.new_owner[length] = c
                now.new_lower[length] = c + 32 if 65 <= c <= 90 else c
            elif c == 46 and length > label:
                now.new_owner[label] = now.new_lower[label] = length - label
                length += 1
                label = length
            elif is_space(c):
                break
            else:
                return 0
            at += 1
        if label == length and length:
            # it ended in a dot: absolute
            now.new_owner[length] = now.new_lower[length] = 0
            now.new_length = length + 1
            return at if length < 255 else 0
        if length == label or length + 1 + now.origin_length > 255:
            return 0
        now.new_owner[label] = now.new_lower[label] = length - label
        length += 1
        memcpy(now.new_owner + length, now.origin, now.origin_length)
        for label in range(now.origin_length):
            c = now.origin[label]
            now.new_lower[length + label] = c + 32 if 65 <= c <= 90 else c
        now.new_length = length + now.origin_length
        return at

    cdef Py_ssize_t _read_rdata(self, Line *now, const uint8_t *data, Py_ssize_t at, Py_ssize_t size):
        """Read type, rdata and the end of the line; return where the next begins, or 0."""
        cdef Py_ssize_t start = at
        cdef char text[48]
        cdef int family
        while at < size and not is_space(data[at]) and data[at] != 10:
            at += 1
        if at - start == 1 and data[start] | 32 == 97:
            now.rtype, now.rdata_length, family = TYPE_A, 4, AF_INET
        elif at - start == 4 and is_word(data + start, b"aaaa", 4):
            now.rtype, now.rdata_length, family = TYPE_AAAA, 16, AF_INET6
        elif at - start == 3 and is_word(data + start, b"txt", 3):
            now.rtype, family = TYPE_TXT, 0
        else:
            return 0
        start = at
        at = skip_spaces(data, at, size)
        if at == start:
            return 0
        start = at
        if family:
            while at < size and is_of_address(data[at]):
                at += 1
            if at - start > 45:
                return 0
            memcpy(text, data + start, at - start)
            text[at - start] = 0
            if inet_pton(family, text, now.rdata) != 1:
                return 0
        else:
            if data[start] != 34:
                return 0
            at += 1
            while at < size and 32 <= data[at] <= 126 and data[at] != 34 and data[at] != 92:
                at += 1
            if at >= size or data[at] != 34 or at - start - 1 > 255:
                return 0
            now.rdata[0] = at - start - 1
            memcpy(now.rdata + 1, data + start + 1, at - start - 1)
            now.rdata_length = at - start
            at += 1
        return end_of_line(data, at, size)

    # -- the table ----------------------------------------------------------------------------

    cdef uint32_t find(self, const uint8_t *name, int length) noexcept:
        """The node with records that has the lower-case ``name``, or 0."""
        cdef uint32_t place = hashed(name, length) & self.slot_mask
        cdef Node *node
        while self.slots[place]:
            node = &self.nodes[self.slots[place]]
            if node.first and node.length == length and memcmp(
                self.octets + node.name, name, length
            ) == 0:
                return self.slots[place]
            place = (place + 1) & self.slot_mask
        return 0

    cdef uint32_t _node(self, Line *now) except 0:
        """The node of the current owner, new if need be."""
        cdef uint32_t index = self.find(now.lower, now.owner_length), place
        cdef Node *node
        if index:
            return index
        if 2 * self.nodes_used > self.slot_mask:
            self._grow_slots()
        self.nodes = <Node *>self._room(
            self.nodes, &self.nodes_room, self.nodes_used + 1, sizeof(Node)
        )
        index = self.nodes_used
        self.nodes_used += 1
        node = &self.nodes[index]
        memset(node, 0, sizeof(Node))
        node.length = now.owner_length
        node.name = self._store(now.lower, now.owner_length)
        node.owner = node.name
        if memcmp(now.lower, now.owner, now.owner_length) != 0:
            self.nodes[index].owner = self._store(now.owner, now.owner_length)
        place = hashed(now.lower, now.owner_length) & self.slot_mask
        while self.slots[place]:
            place = (place + 1) & self.slot_mask
        self.slots[place] = index
        return index

    cdef bint _add(self, uint32_t node, Line *now, int64_t ttl, Py_ssize_t line, int file) except -1:
        """Add the record of ``now``; False when it needs a closer look."""
        cdef uint32_t at = self.nodes[node].first, previous = 0
        cdef int same = 0
        cdef Record *record
        if memcmp(self.octets + self.nodes[node].owner, now.owner, now.owner_length) != 0:
            return False  # the same name in another spelling: each RRset keeps its own
        while at:
            record = &self.records[at]
            if record.rtype == now.rtype:
                same += 1
                if record.ttl != ttl or same == MAX_PER_RRSET:
                    return False
                if record.length == now.rdata_length and memcmp(
                    self.octets + record.rdata, now.rdata, now.rdata_length
                ) == 0:
                    return False
            previous = at
            at = record.next
        self.records = <Record *>self._room(
            self.records, &self.records_room, self.records_used + 1, sizeof(Record)
        )
        at = self.records_used
        self.records_used += 1
        record = &self.records[at]
        record.next = 0
        record.rtype = now.rtype
        record.length = now.rdata_length
        record.ttl = <uint32_t>ttl
        if record.ttl > self.longest_ttl:
            self.longest_ttl = record.ttl  # also of what is moved out later
        record.line = <uint32_t>line
        record.file = file
        record.rdata = self._store(now.rdata, now.rdata_length)
        if previous:
            self.records[previous].next = at
        else:
            self.nodes[node].first = at
            self.live += 1
        return True

    cdef void *_room(self, void *array, uint64_t *room, uint64_t needed, size_t size) except NULL:
        if needed <= room[0]:
            return array
        cdef uint64_t more = max(1024, room[0] + room[0] // 2, needed)
        cdef void *grown = realloc(array, more * size)
        if grown == NULL:
            raise MemoryError
        room[0] = more
        return grown

    cdef uint64_t _store(self, const uint8_t *octets, int length) except 0:
        cdef uint64_t at = self.octets_used
        self.octets = <uint8_t *>self._room(self.octets, &self.octets_room, at + length, 1)
        memcpy(self.octets + at, octets, length)
        self.octets_used += length
        return at

    cdef int _grow_slots(self) except -1:
        cdef uint32_t mask = 2 * self.slot_mask + 1, node, place
        cdef uint32_t *slots = <uint32_t *>calloc(mask + 1, sizeof(uint32_t))
        if slots == NULL:
            raise MemoryError
        for node in range(1, self.nodes_used):
            place = hashed(
                self.octets + self.nodes[node].name, self.nodes[node].length
            ) & mask
            while slots[place]:
                place = (place + 1) & mask
            slots[place] = node
        free(self.slots)
        self.slots, self.slot_mask = slots, mask
        return 0

    cdef bytes _name(self, uint32_t node):
        cdef Node *it = &self.nodes[node]
        return PyBytes_FromStringAndSize(<char *>self.octets + it.name, it.length)

    cdef bytes _owner(self, uint32_t node):
        cdef Node *it = &self.nodes[node]
        return PyBytes_FromStringAndSize(<char *>self.octets + it.owner, it.length)

    cdef dict _types(self, uint32_t node):
        cdef uint32_t at = self.nodes[node].first
        cdef Record *record
        cdef dict rdatas = {}, places = {}
        while at:
            record = &self.records[at]
            rdata = PyBytes_FromStringAndSize(<char *>self.octets + record.rdata, record.length)
            rdatas.setdefault(record.rtype, []).append(rdata)
            places.setdefault(record.rtype, (record.ttl, record.file, record.line))
            at = record.next
        owner = self._owner(node)
        return {
            rtype: RRset(owner, rtype, places[rtype][0], tuple(data), self.files[places[rtype][1]],
                         places[rtype][2])
            for rtype, data in rdatas.items()
        }


cdef inline bint is_space(uint8_t c) noexcept:
    return c == 32 or c == 9


cdef inline bint is_of_address(uint8_t c) noexcept:
    return 46 <= c <= 58 and c != 47 or 97 <= c | 32 <= 102


cdef inline Py_ssize_t skip_spaces(const uint8_t *data, Py_ssize_t at, Py_ssize_t size) noexcept:
    while at < size and is_space(data[at]):
        at += 1
    return at


cdef inline Py_ssize_t end_of_line(const uint8_t *data, Py_ssize_t at, Py_ssize_t size) noexcept:
    """Return where the next line begins if only a comment is left of this one, else 0."""
    cdef Py_ssize_t start = at
    at = skip_spaces(data, at, size)
    if at < size and data[at] == 59 and at > start:
        while at < size and data[at] != 10 and data[at] != 13:
            at += 1
    if at == size:
        return size
    return at + 1 if data[at] == 10 else 0


cdef inline bint is_word(const uint8_t *data, const char *word, int length) noexcept:
    cdef int i
    for i in range(length):
        if data[i] | 32 != <uint8_t>word[i]:
            return False
    return True


cdef inline uint32_t hashed(const uint8_t *at, int length) noexcept:
    return <uint32_t>siphash13(_key, at, length)
