# From a question to what answers it: the twin of dnsd.hotpath.blocks.

cdef int locate(
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


cdef int gather(const Zone *zone, const Name *name, const Place *place, uint64_t at, Body *body) noexcept nogil:
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


include "compose.pxi"


cdef int lookup(Server *server, const Zone *zone, const Query *query, Body *body) noexcept nogil:
    """Find block and pieces for the query, or compose its answer; DECLINED when that fails."""
    cdef int signed_ = query.has_edns and query.edns_flags >> 15
    cdef Place place
    cdef Entry entry
    cdef uint64_t at
    if locate(zone, &query.name, query.qtype, signed_, &place, &entry, &at) == FAULT:
        return DECLINED
    if at == 0:
        return compose(server.composed, zone, query, body)
    if gather(zone, &query.name, &place, at, body) == DECLINED:
        return DECLINED
    if body.pieces and body.block.flags & COMPOSE:
        return compose(server.composed, zone, query, body)
    return NOERROR
