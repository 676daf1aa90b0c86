# Where the block that answers a question is: the twin of dnsd.hotpath.blocks.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from dnsd.hotpath.native.image cimport (
    add_piece, block_for, Entry, MAX_PIECES, Place, prove, read_block, read_entry, search, Zone,
)
from dnsd.hotpath.native.octets cimport DECLINED, FAULT, u32
from dnsd.hotpath.native.pools cimport Choice, choose
from dnsd.hotpath.native.query cimport Name, NOERROR, Query, REFUSED, SERVFAIL
from dnsd.hotpath.native.server cimport Body
from dnsd.image.layout cimport CUT, SIGNED
from dnsd.image.selection cimport MODE_NODATA, MODE_REFUSED, MODE_SERVFAIL


cdef inline int locate(
    const Zone *zone, const Name *name, int qtype, int signed_, Place *place, Entry *entry, uint64_t *at
) noexcept nogil:
    """Find the block for ``name``; below a DNAME there is none (0), and ``entry`` is the DNAME's."""
    if search(zone, name, place) == FAULT:
        return FAULT
    if place.entry:
        if read_entry(zone, place.entry, entry) == FAULT:
            return FAULT
        at[0] = block_for(zone, entry, qtype, signed_)
    elif read_entry(zone, place.encloser, entry) == FAULT:
        return FAULT
    elif entry.flags & CUT:
        # below a cut even DS is the child's: type 0 picks the referral
        place.entry = place.encloser
        at[0] = block_for(zone, entry, 0, signed_)
    elif entry.flags:
        at[0] = 0
        return 0
    else:
        at[0] = zone.nxdomain[signed_]
    return 0 if at[0] else FAULT


cdef inline int gather(const Zone *zone, const Name *name, const Place *place, uint64_t at, Body *body) noexcept nogil:
    """Read the block at ``at`` and find its pieces; DECLINED when they are broken or too many."""
    cdef int wanted, i
    if read_block(zone, at, &body.block) == FAULT:
        return DECLINED
    body.zone = zone
    body.rcode = body.block.rcode
    body.pieces = 0
    for i in range(body.block.n_pieces):
        body.pieces = add_piece(
            body.piece, body.pieces, <int64_t>u32(body.block.pieces + 4 * i) * 8
        )
        if body.pieces < 0:
            return DECLINED
    wanted = body.block.proof_expanded if place.expanded else body.block.proof
    if wanted:
        body.pieces = prove(zone, name, place, wanted, body.piece, body.pieces)
        if body.pieces < 0:
            return DECLINED
    return NOERROR


cdef inline int choose_for(const Query *query, int signed_, Body *body) noexcept nogil:
    """Choose from the pool that the block ends in; if there is nothing to answer, the body is empty."""
    cdef Choice *choice = &body.choice
    cdef uint64_t rest[MAX_PIECES]
    cdef int i, count = body.pieces
    signed_ = signed_ and body.block.flags & SIGNED
    if body.block.length - body.block.split > 256 + 4 or body.block.length - body.block.split < 5:
        return FAULT
    if choose(body.zone, body.block.pool_at, signed_, query, choice) == FAULT:
        return FAULT
    if choice.mode == MODE_SERVFAIL or choice.mode == MODE_REFUSED:
        body.empty = True
        body.rcode = SERVFAIL if choice.mode == MODE_SERVFAIL else REFUSED
    elif choice.mode == MODE_NODATA:
        memcpy(rest, body.piece, count * sizeof(uint64_t))
        body.pieces = add_piece(body.piece, 0, <int64_t>choice.pool.soa[1 if signed_ else 0])
        if signed_:
            body.pieces = add_piece(body.piece, body.pieces, <int64_t>choice.pool.nsec)
        for i in range(count):
            body.pieces = add_piece(body.piece, body.pieces, <int64_t>rest[i])
            if body.pieces < 0:
                return FAULT
    return 0
