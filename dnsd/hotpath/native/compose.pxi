# Answers put together record by record where no finished block fits: the twin of
# dnsd.hotpath.compose. What does not fit into the tables is declined to that one.

cdef int substitute(Composed *c, const Zone *zone, const Entry *entry, int signed_) noexcept nogil:
    """Add the DNAME at ``entry`` and the CNAME it makes; return NOERROR, YXDOMAIN or FAULT."""
    cdef uint64_t at = entry.at + ENTRY_SIZE
    cdef int length = zone.image[entry.at], here, size, first, prefix, rdata, i
    cdef const uint8_t *owner
    cdef const Record *dname
    cdef Record record
    cdef Block block
    at += 8 * <uint64_t>entry.types + 2 * <uint64_t>(entry.types + (entry.types & 1))
    if not within(zone, at, length) or length > c.name_length:
        return FAULT
    owner = zone.image + at
    if read_block(zone, block_for(zone, entry, TYPE_DNAME, signed_), &block) == FAULT:
        return FAULT
    size = unfold(c, &block, owner, length)
    here = 16 + length
    if block.ancount == 0 or read_record(c, size, &here, &record) == FAULT:
        return FAULT
    first = keep(c, &record, ANSWER)
    if first == FAULT or keep_all(c, size, &here, block.ancount - 1, ANSWER) == FAULT:
        return FAULT
    dname = &c.records[first]
    prefix = c.name_length - length
    rdata = dname.length - dname.owner - 6
    if prefix + rdata > 255:
        return YXDOMAIN
    if HEAP - c.used < 1024:
        return FAULT
    record.octets = c.heap + c.used
    record.owner = c.name_length
    record.length = c.name_length + 6 + prefix + rdata
    memcpy(c.heap + c.used, c.name, c.name_length)
    here = c.used + c.name_length
    p16(c.heap + here, TYPE_CNAME)
    memcpy(c.heap + here + 2, dname.octets + dname.owner + 2, 4)
    memcpy(c.name + prefix, dname.octets + dname.owner + 6, rdata)
    c.name_length = prefix + rdata
    memcpy(c.heap + here + 6, c.name, c.name_length)
    return FAULT if keep(c, &record, ANSWER) == FAULT else NOERROR


cdef int add_body(Composed *c, Body *body) noexcept nogil:
    """Add the records of the block and pieces the chain ends with, unless its links are too many."""
    cdef Block *block = &body.block
    cdef Block piece
    cdef Record record
    cdef int size, at = 16 + c.name_length
    cdef int links = c.links, i, before = block.arcount, after
    cdef int ancount = block.ancount + (body.choice.count if block.slot else 0)
    if block.slot:
        size = unfold_pool(c, body)
    else:
        size = unfold(c, block, c.name, c.name_length)
    for i in range(ancount):
        if read_record(c, size, &at, &record) == FAULT:
            return FAULT
        links += record_type(&record) == TYPE_CNAME
        if links > MAX_LINKS:
            body.rcode = NOERROR
            return 0
        if keep(c, &record, ANSWER) == FAULT:
            return FAULT
    if keep_all(c, size, &at, block.nscount, AUTHORITY) == FAULT or block.n_optional > MAX_GROUPS:
        return FAULT
    if keep_all(c, size, &at, block.arcount, GLUE) == FAULT:
        return FAULT
    for i in range(block.n_optional):
        after = u16(block.optional + 4 * i + 2)
        if keep_all(c, size, &at, after - before, OPTIONAL + i) == FAULT:
            return FAULT
        before = after
    c.groups = block.n_optional
    for i in range(body.pieces):
        if read_block(body.zone, body.piece[i], &piece) == FAULT or piece.ancount:
            return FAULT
        size = unfold(c, &piece, c.name, c.name_length)
        at = 16 + c.name_length
        if keep_all(c, size, &at, piece.nscount, AUTHORITY) == FAULT:
            return FAULT
    return 0


cdef int put_section(Composed *c, int section, int *at) noexcept nogil:
    """Write the records of a section, from the ``at``th on; return how many there are."""
    cdef int i, count = 0
    for i in range(at[0], c.n_records):
        if c.records[i].section == section:
            if put_record(c, &c.records[i]) == FAULT:
                return FAULT
            count += 1
            at[0] = i
    return count


cdef int put_all(Composed *c, const Query *query) noexcept nogil:
    """Write all sections behind the question, and note where they may end."""
    cdef int i, at = 0, count
    memset(c.slots, 0, sizeof(c.slots))
    c.n_places = c.n_folded = c.written = 0
    c.start = 12
    if put_name(c, query.packet + 12, query.name.length) == FAULT:
        return FAULT
    c.start = 16 + query.name.length
    c.written = 0
    c.arcounts[0] = 0
    for i in range(OPTIONAL + c.groups):
        if i < OPTIONAL:
            at = 0
        count = put_section(c, i, &at)
        if count == FAULT:
            return FAULT
        if i < GLUE:
            c.counts[i] = count
        else:
            c.ends[i - GLUE] = c.written
            c.arcounts[i - GLUE] = count + (c.arcounts[i - OPTIONAL] if i > GLUE else 0)
    return 0


cdef int follow(Composed *c, const Zone *zone, const Query *query, Body *body) noexcept nogil:
    """Keep the records of the answer, from link to link; return NOERROR, YXDOMAIN or FAULT."""
    cdef int signed_ = query.has_edns and query.edns_flags >> 15
    cdef int turn, i, result
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
            if body.block.slot and choose_for(query, signed_, body) == FAULT:
                return FAULT
            if body.empty:
                return body.rcode
            return FAULT if add_body(c, body) == FAULT else body.rcode
        if c.links == MAX_LINKS:
            return NOERROR
        result = substitute(c, zone, &entry, signed_)
        if result != NOERROR or query.qtype == TYPE_CNAME:
            return result
    return FAULT


cdef int compose(Composed *c, const Zone *zone, const Query *query, Body *body) noexcept nogil:
    """Put the answer together; DECLINED when there is not enough room for it here."""
    c.n_records = c.used = c.links = c.groups = 0
    body.zone = zone
    body.rcode = NOERROR
    body.rcode = follow(c, zone, query, body)
    if body.empty:
        return NOERROR
    if body.rcode == FAULT or put_all(c, query) == FAULT:
        return DECLINED
    body.composed = c
    return NOERROR


cdef int write_composed(const Composed *c, int room, uint8_t *out, int *arcount) noexcept nogil:
    """Write what fits in ``room`` octets; return the length, -1 to truncate."""
    cdef int i
    for i in range(c.groups, -1, -1):
        if c.ends[i] <= room:
            memcpy(out, c.octets, c.ends[i])
            arcount[0] = c.arcounts[i]
            return c.ends[i]
    return -1
