# From a question to what answers it: the twin of dnsd.hotpath.blocks.

from libc.stdint cimport uint64_t

from dnsd.hotpath.native.compose cimport compose
from dnsd.hotpath.native.image cimport Block, Entry, Place, Zone
from dnsd.hotpath.native.limit cimport Account, charge
from dnsd.hotpath.native.located cimport choose_for, gather, locate
from dnsd.hotpath.native.octets cimport DECLINED, FAULT
from dnsd.hotpath.native.query cimport NOERROR, NXDOMAIN, Query, TYPE_ANY
from dnsd.hotpath.native.server cimport Body, Server
from dnsd.image.layout cimport AUTHORITATIVE, COMPOSE
from dnsd.metrics.counters cimport (
    KIND_ANSWER, KIND_ANY, KIND_NODATA, KIND_NXDOMAIN, KIND_REFERRAL, KIND_WILDCARD,
)


cdef inline void charge_block(Body *body, const Zone *zone, const Place *place, int qtype) noexcept nogil:
    """Note what rate limits count the block as: the twin of dnsd.hotpath.limiter.account."""
    cdef const Block *block = &body.block
    cdef Account *account = &body.account
    if block.rcode == NXDOMAIN:
        charge(account, zone.number, KIND_NXDOMAIN, 0)
    elif not block.flags & AUTHORITATIVE:
        charge(account, zone.number, KIND_REFERRAL, place.entry)
    elif qtype == TYPE_ANY:
        charge(account, zone.number, KIND_ANY, place.entry)
    elif place.expanded:
        charge(account, zone.number, KIND_WILDCARD, place.entry)
    elif block.ancount == 0 and block.pool_at == 0:
        charge(account, zone.number, KIND_NODATA, 0)
    else:
        charge(account, zone.number, KIND_ANSWER, place.entry)


cdef inline int lookup(Server *server, const Zone *zone, const Query *query, int limit, Body *body) noexcept nogil:
    """Find block and pieces for the query, or compose its answer; DECLINED when that fails.

    The message may have ``limit`` octets.
    """
    cdef int signed_ = query.has_edns and query.edns_flags >> 15
    cdef Place place
    cdef Entry entry
    cdef uint64_t at
    if locate(zone, &query.name, query.qtype, signed_, &place, &entry, &at) == FAULT:
        return DECLINED
    if at == 0:
        charge(&body.account, zone.number, KIND_WILDCARD, place.encloser)
        return compose(server.composed, zone, query, limit, body)
    if gather(zone, &query.name, &place, at, body) == DECLINED:
        return DECLINED
    charge_block(body, zone, &place, query.qtype)
    if (body.pieces or body.block.pool_at) and body.block.flags & COMPOSE:
        return compose(server.composed, zone, query, limit, body)
    if body.block.pool_at and choose_for(query, signed_, body) == FAULT:
        return DECLINED
    return NOERROR
