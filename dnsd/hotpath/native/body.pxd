# The body of a response from a block: copied, its pointers moved, what it lacks put in between.

from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from dnsd.hotpath.native.image cimport Block, read_block
from dnsd.hotpath.native.octets cimport DECLINED, FAULT, n16, p16, u16
from dnsd.hotpath.native.pools cimport put_chosen
from dnsd.hotpath.native.query cimport Query
from dnsd.hotpath.native.server cimport Body


cdef inline void move(const Block *block, uint8_t *out, int end, int gap_at, int gap, int delta, int front) noexcept nogil:
    """Move the pointers of a body that was copied to ``out`` with ``gap`` octets at ``gap_at``.

    Only pointers before ``end`` (of the body) were copied.
    """
    cdef int i, place, target, shift
    cdef int start = 12 + block.base + 4
    cdef uint8_t *at
    for i in range(block.n_pointers):
        place = u16(block.pointers + 2 * i)
        if place + 1 >= end:
            break
        at = out + place + (gap if place >= gap_at else 0)
        target = n16(at) & 0x3FFF
        shift = delta
        if target >= start:
            shift += front
            if target >= start + block.split:
                shift += gap
        p16(at, 0xC000 | (target + shift))


cdef inline int insert_pieces(const Query *query, const Body *body, uint8_t *out, int at) noexcept nogil:
    """Write the pieces to ``out``, ``at`` octets behind the question; return their length."""
    cdef Block piece
    cdef int i, begin = at
    for i in range(body.pieces):
        read_block(body.zone, body.piece[i], &piece)
        memcpy(out + at, piece.body, piece.length)
        move(&piece, out + at, piece.length, 0, 0, query.name.length - piece.base, at)
        at += piece.length
    return at - begin


cdef inline int put_pool(const Body *body, int qname_length, int room, uint8_t *out) noexcept nogil:
    """Write the block's records and those that are chosen; return the length, -1 if there is no room."""
    cdef const Block *block = &body.block
    cdef uint8_t template[256 + 4 + 6]
    cdef int size = block.length - block.split, delta = qname_length - block.base
    cdef int i, place, target
    if body.choice.length + body.choice.count * size + block.split > room:
        return -1
    memcpy(out, block.body, block.split)
    memcpy(template, block.body + block.split, size)
    move(block, out, block.split, block.split, 0, delta, 0)
    for i in range(block.n_pointers):
        place = u16(block.pointers + 2 * i) - block.split
        if 0 <= place < size - 5:
            target = n16(template + place) & 0x3FFF
            p16(template + place, 0xC000 | (target + delta))
    return block.split + put_chosen(&body.choice, template, size, out + block.split)


cdef inline int write_pool(const Query *query, const Body *body, int room, uint8_t *out, int *nscount) noexcept nogil:
    """Write a body that ends in a pool; return the length, -1 to truncate, DECLINED if broken."""
    cdef Block piece
    cdef int inserted = 0, length, i
    nscount[0] = 0
    for i in range(body.pieces):
        if read_block(body.zone, body.piece[i], &piece) == FAULT:
            return DECLINED
        inserted += piece.length
        nscount[0] += piece.nscount
    length = put_pool(body, query.name.length, room - inserted, out)
    return length if length < 0 else length + insert_pieces(query, body, out, length)


cdef inline int write_body(const Query *query, const Body *body, int room, uint8_t *out, int *arcount, int *nscount) noexcept nogil:
    """Write what fits in ``room`` octets; return the length, -1 to truncate, DECLINED if broken."""
    cdef const Block *block = &body.block
    cdef Block piece
    cdef int inserted = 0, end = block.length, i, count, longest
    cdef int qname_length = query.name.length
    cdef uint8_t *at
    nscount[0] = block.nscount
    arcount[0] = block.arcount
    for i in range(body.pieces):
        if read_block(body.zone, body.piece[i], &piece) == FAULT:
            return DECLINED
        inserted += piece.length
        nscount[0] += piece.nscount
    longest = u16(block.optional + 4 * (block.n_optional - 1)) if block.n_optional else end
    for i in range(block.n_optional - 1, -1, -1):
        count = u16(block.optional + 4 * i)
        if count + inserted <= room:
            if count < block.split or count > longest:
                return DECLINED
            end = count
            arcount[0] = u16(block.optional + 4 * i + 2)
            break
    if end + inserted > room:
        return -1
    memcpy(out, block.body, block.split)
    at = out + block.split + insert_pieces(query, body, out, block.split)
    memcpy(at, block.body + block.split, end - block.split)
    if block.n_pointers:
        move(block, out, end, block.split, inserted, qname_length - block.base, 0)
    return end + inserted
