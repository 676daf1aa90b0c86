# cython: cdivision=True
# Which of the zones of a worker holds a name: a hash table of their apexes, under a key.

from libc.stdint cimport uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp

from dnsd.hotpath.native.image cimport suffix, suffix_length, Zone
from dnsd.hotpath.native.query cimport Name, Query, TYPE_DS
from dnsd.hotpath.native.server cimport Server
from dnsd.wire.siphash cimport siphash13


cdef inline uint32_t apex_place(const Server *server, const uint8_t *apex, int length) noexcept nogil:
    return <uint32_t>siphash13(server.key, apex, length) & server.apex_mask


cdef inline void put_apex(Server *server, int index) noexcept nogil:
    cdef Zone *zone = &server.zones[index]
    cdef uint32_t place = apex_place(server, zone.apex, zone.apex_length)
    while server.by_apex[place]:
        place = (place + 1) & server.apex_mask
    server.by_apex[place] = index + 1


cdef inline const Zone *zone_at(const Server *server, const uint8_t *apex, int length) noexcept nogil:
    """The zone with exactly that apex, or NULL."""
    cdef uint32_t place
    cdef const Zone *zone
    if server.lengths[length] == 0:
        return NULL
    place = apex_place(server, apex, length)
    while server.by_apex[place]:
        zone = &server.zones[server.by_apex[place] - 1]
        if zone.apex_length == length and memcmp(zone.apex, apex, length) == 0:
            return zone
        place = (place + 1) & server.apex_mask
    return NULL


cdef inline const Zone *zone_of(const Server *server, const Query *query) noexcept nogil:
    """The deepest zone that holds the query name; for DS the parent's side of a cut."""
    cdef const Name *name = &query.name
    cdef const Zone *zone
    cdef const Zone *found = NULL
    cdef int level
    for level in range(name.labels, -1, -1):
        zone = zone_at(server, suffix(name, level), suffix_length(name, level))
        if zone == NULL:
            continue
        if level < name.labels or query.qtype != TYPE_DS:
            return zone
        found = zone
    return found


cdef inline int new_place(Server *server) except -1:
    """Return the index of a zone more."""
    cdef int count = server.n_zones
    cdef Zone *zones
    if count % 64 == 0:
        zones = <Zone *>realloc(server.zones, (count + 64) * sizeof(Zone))
        if zones == NULL:
            raise MemoryError
        server.zones = zones
    server.n_zones += 1
    return count


cdef inline int index_with(Server *server, int size, zones) except -1:
    """Index these ``zones`` again, in a table of ``size`` places."""
    cdef int *by_apex = <int *>calloc(size, sizeof(int))
    if by_apex == NULL:
        raise MemoryError
    free(server.by_apex)
    server.by_apex = by_apex
    server.apex_mask = size - 1
    for index in zones:
        put_apex(server, index)
    return 0


cdef inline int lend(Zone *zone, int cells, words, notes, counts) except -1:
    """Have ``zone`` use these cells for its pools."""
    cdef const uint64_t[::1] its_words = words
    cdef uint32_t[::1] its_notes = notes
    cdef uint32_t[::1] its_counts = counts
    if min(its_words.shape[0], its_notes.shape[0], its_counts.shape[0]) < cells:
        raise ValueError("an image needs cells for all of its pools")
    zone.cells = cells
    if cells:
        zone.words, zone.notes, zone.counts = &its_words[0], &its_notes[0], &its_counts[0]
    return 0
