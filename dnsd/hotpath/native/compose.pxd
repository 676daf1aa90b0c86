# Answers put together record by record where no finished block fits: the twin of
# dnsd.hotpath.compose. When there is no room for more, only the rcode is still worked out.

from libc.stdint cimport uint64_t, uint8_t
from libc.string cimport memcmp, memcpy

from dnsd.hotpath.native.body cimport put_pool
from dnsd.hotpath.native.image cimport (
    Block, block_for, Entry, Place, read_block, suffix, suffix_length, within, Zone,
)
from dnsd.hotpath.native.located cimport choose_for, gather, locate
from dnsd.hotpath.native.octets cimport DECLINED, FAULT, FULL, LARGEST, p16, u16
from dnsd.hotpath.native.pools cimport length_of, Pool
from dnsd.hotpath.native.query cimport Name, NOERROR, Query, TYPE_ANY, TYPE_NSEC, TYPE_RRSIG
from dnsd.hotpath.native.records cimport (
    ADDITIONAL, ANSWER, AUTHORITY, Composed, MAX_LINKS, name_of, read_from, read_record, Record,
    Source, TYPE_CNAME, TYPE_DNAME, YXDOMAIN,
)
from dnsd.hotpath.native.server cimport Body
from dnsd.hotpath.native.written cimport (
    content_of, end_record, forget_places, is_repeated, note_run, put_head, put_octets,
    put_record,
)
from dnsd.image.layout cimport ENTRY_SIZE, LINKS


cdef inline int add_records(Composed *c, int section, const Source *source, int *at, int count, Record *record) noexcept nogil:
    """Add the next ``count`` records of ``source``, but no RRset that another source gave.

    Return 0, FULL or FAULT.
    """
    cdef int earlier = c.n_runs, i, result
    cdef bint repeated = False
    record.rtype = -1
    for i in range(count):
        if read_record(source, at, record) == FAULT:
            return FAULT
        if section != ADDITIONAL and record.first:
            if record.end - record.rdata > c.room + 512:
                return FULL       # no message has it already
            result = is_repeated(c, section, source, record, earlier)
            if result == FAULT:
                return FAULT
            repeated = result
        if not repeated:
            result = put_record(c, section, source, record)
            if result:
                return result
    return 0


cdef inline int add_link(Composed *c, const uint8_t *fixed, const uint8_t *target, int length) noexcept nogil:
    """Add the CNAME from the chain's name to ``target``; return 0, FULL or FAULT."""
    cdef int result, begin
    memcpy(c.content + c.name_length + 6, target, length)
    result = note_run(
        c, ANSWER, content_of(c, c.name, c.name_length, fixed, length), c.n_runs
    )
    if result:
        return FAULT if result == FAULT else 0
    if put_head(c, c.name, c.name_length, c.name_place, fixed) == FAULT:
        return FAULT
    begin = c.written
    c.name_place = put_octets(c, target, length)
    return FAULT if c.name_place == FAULT else end_record(c, ANSWER, begin)


cdef inline int substitute(Composed *c, const Zone *zone, const Entry *entry, int signed_, bint *full) noexcept nogil:
    """Add the DNAME at ``entry`` and the CNAME it makes; return NOERROR, YXDOMAIN or FAULT."""
    cdef uint64_t at = entry.at + ENTRY_SIZE
    cdef int length = zone.image[entry.at], here = 0, prefix, rdata, result = 0
    cdef uint8_t target[512]
    cdef uint8_t fixed[8]
    cdef const uint8_t *owner
    cdef Record record
    cdef Source source
    cdef Block block
    at += 8 * <uint64_t>entry.types + 2 * <uint64_t>(entry.types + (entry.types & 1))
    if not within(zone, at, length) or length > c.name_length:
        return FAULT
    owner = zone.image + at
    if read_block(zone, block_for(zone, entry, TYPE_DNAME, signed_), &block) == FAULT:
        return FAULT
    read_from(c, &source, &block, owner, length, &record)
    if block.ancount == 0 or read_record(&source, &here, &record) == FAULT:
        return FAULT
    prefix = c.name_length - length
    rdata = record.end - record.rdata
    if rdata > 255:
        return FAULT
    memcpy(target, c.name, prefix)
    memcpy(target + prefix, source.body + record.rdata, rdata)
    memcpy(fixed, record.fixed, 8)
    p16(fixed, TYPE_CNAME)
    if not full[0]:
        here = 0
        read_from(c, &source, &block, owner, length, &record)
        result = add_records(c, ANSWER, &source, &here, block.ancount, &record)
    if prefix + rdata > 255:
        full[0] = full[0] or result == FULL
        return FAULT if result == FAULT else YXDOMAIN
    if not full[0] and result == 0:
        result = add_link(c, fixed, target, prefix + rdata)
    full[0] = full[0] or result == FULL
    c.links += 1
    memcpy(c.name, target, prefix + rdata)
    c.name_length = prefix + rdata
    return FAULT if result == FAULT else NOERROR


cdef inline int end_with_links(Composed *c, const Source *source, int count) noexcept nogil:
    """Add as many of ``count`` records as lead up to the last link that is allowed."""
    cdef int at = 0, i
    cdef Record record
    record.pointer = record.owner_length = 0
    record.rtype = -1
    for i in range(count):
        if read_record(source, &at, &record) == FAULT:
            return FAULT
        c.links += record.rtype == TYPE_CNAME
        if c.links > MAX_LINKS:
            count = i
            break
    at = record.pointer = record.owner_length = 0
    return add_records(c, ANSWER, source, &at, count, &record)


cdef inline int add_additional(Composed *c, const Block *block, const Source *source, int *at, Record *record) noexcept nogil:
    """Add the additional records, and note where they may end; return 0, FULL or FAULT."""
    cdef int i, before = block.arcount, after, result
    result = add_records(c, ADDITIONAL, source, at, before, record)
    if result:
        return result
    c.ends[0] = c.written
    c.arcounts[0] = before
    for i in range(block.n_optional):
        after = u16(block.optional + 4 * i + 2)
        result = add_records(c, ADDITIONAL, source, at, after - before, record)
        if result:
            return 0 if result == FULL else FAULT
        before = after
        c.groups = i + 1
        c.ends[c.groups] = c.written
        c.arcounts[c.groups] = after
    return 0


cdef inline int add_body(Composed *c, Body *body) noexcept nogil:
    """Add the records of the block and pieces the chain ends with; return 0, FULL or FAULT."""
    cdef Block *block = &body.block
    cdef Block piece
    cdef Record record
    cdef Source source, other
    cdef int at = 0, other_at, i, result
    cdef int ancount = block.ancount + (body.choice.count if block.pool_at else 0)
    read_from(c, &source, block, c.name, c.name_length, &record)
    if block.pool_at:
        source.base = c.name_length
        source.body = c.pool
        source.end = put_pool(body, c.name_length, LARGEST, c.pool)
    if c.links + (block.flags >> LINKS) > MAX_LINKS:
        return end_with_links(c, &source, ancount)
    result = add_records(c, ANSWER, &source, &at, ancount, &record)
    if result == 0:
        result = add_records(c, AUTHORITY, &source, &at, block.nscount, &record)
    for i in range(body.pieces):
        if result:
            return result
        if read_block(body.zone, body.piece[i], &piece) == FAULT or piece.ancount:
            return FAULT
        other_at = 0
        read_from(c, &other, &piece, c.name, c.name_length, &record)
        result = add_records(c, AUTHORITY, &other, &other_at, piece.nscount, &record)
    if result:
        return result
    record.pointer = record.owner_length = 0
    return add_additional(c, block, &source, &at, &record)


cdef inline bint leads_on(Composed *c, const Body *body, int qtype) noexcept nogil:
    """Whether the chain goes on behind the CNAME that was chosen from a pool; it becomes its name."""
    cdef const Pool *pool = &body.choice.pool
    cdef int i
    if body.block.pool_at == 0 or not pool.is_alias or body.choice.count == 0:
        return False
    if qtype == TYPE_CNAME or qtype == TYPE_ANY or qtype == TYPE_NSEC or qtype == TYPE_RRSIG:
        return False
    for i in range(pool.members):
        if body.choice.mask >> i & 1:
            c.name_length = length_of(pool, i)
            memcpy(c.name, pool.rdatas + i * pool.octets, c.name_length)
    c.name_place = 0
    return True


cdef inline int follow(Composed *c, const Zone *zone, const Query *query, Body *body, bint *full) noexcept nogil:
    """Add the records of the answer, from link to link; return the rcode or FAULT."""
    cdef int signed_ = query.has_edns and query.edns_flags >> 15
    cdef int turn, i, result, links
    cdef Name name
    cdef Place place
    cdef Entry entry
    cdef uint64_t at
    memcpy(c.name, query.packet + 12, query.name.length)
    c.name_length = query.name.length
    for turn in range(MAX_LINKS + 1):
        if name_of(c.name, c.name_length, &name) == FAULT:
            return FAULT
        if name.labels < zone.apex_labels or suffix_length(&name, zone.apex_labels) != (
            zone.apex_length
        ) or memcmp(suffix(&name, zone.apex_labels), zone.apex, zone.apex_length):
            return NOERROR
        memcpy(c.seen[turn], name.lower, name.length)
        for i in range(turn):
            if memcmp(c.seen[i], name.lower, name.length) == 0:
                return NOERROR
        if locate(zone, &name, query.qtype, signed_, &place, &entry, &at) == FAULT:
            return FAULT
        if at:
            if gather(zone, &name, &place, at, body) == DECLINED:
                return FAULT
            if body.block.pool_at and choose_for(query, signed_, body) == FAULT:
                return FAULT
            if body.empty:
                return body.rcode
            links = c.links + (body.block.flags >> LINKS)
            if links > MAX_LINKS:
                body.rcode = NOERROR
            if not full[0]:
                result = add_body(c, body)
                full[0] = result == FULL
                if result == FAULT:
                    return FAULT
            if links > MAX_LINKS or not leads_on(c, body, query.qtype):
                return body.rcode
            c.links = links
            c.ends[0] = 0         # the answer does not end here
            continue
        if c.links == MAX_LINKS:
            return NOERROR
        result = substitute(c, zone, &entry, signed_, full)
        if result != NOERROR or query.qtype == TYPE_CNAME:
            return result
    return FAULT


cdef inline int compose(Composed *c, const Zone *zone, const Query *query, int room, Body *body) noexcept nogil:
    """Put the answer together in a message of at most ``room`` octets; DECLINED if that is broken."""
    cdef bint full = False
    forget_places(c)
    c.links = c.groups = c.n_runs = 0
    c.counts[ANSWER] = c.counts[AUTHORITY] = c.counts[ADDITIONAL] = 0
    c.written, c.room = 12, room
    c.name_place = put_octets(c, query.packet + 12, query.name.length)
    if c.name_place == FAULT:
        return DECLINED
    c.written = c.start = c.written + 4
    c.arcounts[0] = 0
    c.ends[0] = 0
    body.zone = zone
    body.rcode = follow(c, zone, query, body, &full)
    if body.empty:
        return NOERROR
    if body.rcode == FAULT:
        return DECLINED
    if c.ends[0] == 0:
        c.ends[0] = c.written
    if full:
        c.ends[0] = LARGEST + 1
    body.composed = c
    return NOERROR


cdef inline int write_composed(const Composed *c, int room, uint8_t *out, int *arcount) noexcept nogil:
    """Write what fits in ``room`` octets; return the length, -1 to truncate."""
    cdef int i
    for i in range(c.groups, -1, -1):
        if c.ends[i] - c.start <= room:
            memcpy(out, c.message + c.start, c.ends[i] - c.start)
            arcount[0] = c.arcounts[i]
            return c.ends[i] - c.start
    return -1
