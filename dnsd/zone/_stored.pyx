# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Stored records into the table of a zone, and out of it, without a Python object for each."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from dnsd.versions._collector cimport Collector
from dnsd.versions._stored cimport Stored, lowered, view
from dnsd.zone._table cimport ADDED, Table
from dnsd.zone._tree cimport Set
from dnsd.zone._wellformed cimport is_right

cdef enum:
    LONGEST_TTL = 0x7FFFFFFF


def add_stored(const uint8_t[::1] octets, uint64_t at, Table table not None, int file):
    """Add records from offset ``at`` on; return (offset, records added).

    At the offset is the end, or a record that is Python's to judge: it may be wrong in itself, or
    does not fit to those before.
    """
    cdef uint64_t size = octets.shape[0]
    cdef const uint8_t *start = &octets[0] if size else NULL
    cdef const uint8_t *owner = NULL
    cdef uint8_t key[256]
    cdef uint32_t node = 0, ttl, count = 0
    cdef int owner_length = 0, i
    cdef Stored one
    while at < size and view(start + at, start + size, &one) and is_right(
        one.rtype, one.rdata, one.length
    ):
        if one.owner_length != owner_length or memcmp(one.at + 1, owner, owner_length) != 0:
            owner, owner_length = one.at + 1, one.owner_length
            for i in range(owner_length):
                key[i] = lowered(owner[i])
            node = table.node_of(key, owner_length)
        # A TTL with its first bit set counts as 0 (RFC 2181 §8).
        ttl = one.ttl if one.ttl <= LONGEST_TTL else 0
        if table.add_record(
            node, owner, one.rtype, ttl, one.rdata, one.length, 0, file
        ) != ADDED:
            break
        at += one.size
        count += 1
    return at, count


def collect_table(Table table not None, Collector collector not None):
    """Add all records of ``table`` to ``collector``."""
    cdef uint32_t index, i
    cdef Set *its
    for index in range(1, table.end()):
        its = &table.sets[index]
        for i in range(its.count):
            collector.put(
                its.owner, table.nodes[its.node].length, its.rtype, its.ttl,
                table.datas[its.first + i].at, table.datas[its.first + i].length,
            )
