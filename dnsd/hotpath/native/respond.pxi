# One packet in, one packet out: the twin of dnsd.hotpath._python and dnsd.hotpath.blocks.

cdef enum:
    MAX_SECRETS = 4
    LARGEST = 65535
    SMALLEST_UDP = 512
    MAX_OPT = 11 + 4 + 255 + 6 + 6 + 28
    MAX_TSIG = 255 + 10 + 255 + 16
    SMALLEST_ROOM = 2048      # header, question, OPT and TSIG always fit
    BADKEY = 17
    TCP = 1


cdef struct Composed

include "pools.pxi"
include "limit.pxi"

cdef struct Request:
    const uint8_t *packet
    Py_ssize_t size
    int transport             # 0 UDP, 1 TCP
    uint32_t now
    const uint8_t *address
    int address_length
    uint16_t port


cdef inline void p16(uint8_t *at, int value) noexcept nogil:
    at[0] = value >> 8 & 0xFF
    at[1] = value & 0xFF


include "sketch.pxi"
include "tap.pxi"


cdef struct Server:
    uint64_t *count
    Zone *zones
    int n_zones
    int *by_apex              # hash table: index into zones + 1, 0 is empty
    uint32_t apex_mask
    uint8_t key[16]           # of the hash that finds zones in the table
    uint32_t lengths[256]     # how many zones have an apex of that many octets
    int udp_payload
    int nsid_length           # -1: hidden
    uint8_t nsid[255]
    int keepalive             # in units of 100 ms
    bint hands_over           # to the transfer process
    int n_secrets
    uint8_t secrets[MAX_SECRETS][16]
    Composed *composed
    Limit limit
    Sketch sketch
    Tap tap
    uint32_t second           # of the monotonic clock, rounded up: for notes
    uint64_t draws            # state of the random numbers that choose from pools


cdef struct Body:
    const Zone *zone
    Block block
    Choice choice             # what the block ends with, if it ends with a pool
    int pieces
    uint64_t piece[MAX_PIECES]
    int rcode
    int extended_error        # 0: none
    bint empty                # no block: only header, question and OPT
    const Composed *composed  # in place of the block; NULL: none
    Account account           # what rate limits count it as
    int verdict               # of rate limits
    bint truncated


cdef inline void p32(uint8_t *at, uint32_t value) noexcept nogil:
    p16(at, value >> 16)
    p16(at + 2, value & 0xFFFF)


include "zones.pxi"
include "opt.pxi"


cdef void move(const Block *block, uint8_t *out, int end, int gap_at, int gap, int delta, int front) noexcept nogil:
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


cdef int insert_pieces(const Query *query, const Body *body, uint8_t *out, int at) noexcept nogil:
    """Write the pieces to ``out``, ``at`` octets behind the question; return their length."""
    cdef Block piece
    cdef int i, begin = at
    for i in range(body.pieces):
        read_block(body.zone, body.piece[i], &piece)
        memcpy(out + at, piece.body, piece.length)
        move(&piece, out + at, piece.length, 0, 0, query.name.length - piece.base, at)
        at += piece.length
    return at - begin


cdef int put_pool(const Body *body, int qname_length, int room, uint8_t *out) noexcept nogil:
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


include "records.pxi"
include "lookup.pxi"


cdef int write_pool(const Query *query, const Body *body, int room, uint8_t *out, int *nscount) noexcept nogil:
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


cdef int write_body(const Query *query, const Body *body, int room, uint8_t *out, int *arcount, int *nscount) noexcept nogil:
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


cdef inline int limit_of(const Server *server, const Request *request, const Query *query) noexcept nogil:
    """How many octets the response may have."""
    if request.transport == TCP:
        return LARGEST
    return max(SMALLEST_UDP, min(query.payload, server.udp_payload)) if query.has_edns else SMALLEST_UDP


cdef int write_message(Server *server, const Request *request, const Query *query, Body *body, uint8_t *out, int room) noexcept nogil:
    """Write the response; return its length or DECLINED (nothing has been counted then)."""
    cdef uint8_t record[MAX_OPT + MAX_TSIG]
    cdef int additional = query.has_edns + (query.tsig != 0)
    cdef int opt_length = 0, limit = limit_of(server, request, query), at, length = 0, space
    cdef int ancount = 0, nscount = 0, arcount = 0
    cdef int asked = n16(request.packet + 2)
    cdef int flags = QR | (asked & 0x7800) | (asked & RD_AND_CD) | (body.rcode & 0xF)
    if query.has_edns:
        opt_length = write_opt(server, request, query, body, record)
    if query.tsig:
        opt_length += write_tsig(query, record + opt_length)
    memcpy(out, request.packet, 2)
    memcpy(out + 12, request.packet + 12, query.question)
    at = 12 + query.question
    space = min(limit, room) - at - opt_length
    if body.verdict == SLIP:
        space = -1            # nothing of it fits
    if body.composed != NULL:
        flags |= AA
        ancount = body.composed.counts[ANSWER]
        nscount = body.composed.counts[AUTHORITY]
        length = write_composed(body.composed, space, out + at, &arcount)
    elif not body.empty:
        if body.block.flags & AUTHORITATIVE:
            flags |= AA
        ancount = body.block.ancount
        if body.block.pool_at:
            ancount += body.choice.count
            length = write_pool(query, body, space, out + at, &nscount)
        else:
            length = write_body(query, body, space, out + at, &arcount, &nscount)
        if length == DECLINED:
            return DECLINED
    elif limit < at + opt_length:
        length = -1
    if length < 0:
        flags |= TC
        length = ancount = nscount = arcount = 0
    body.truncated = flags & TC != 0
    memcpy(out + at + length, record, opt_length)
    p16(out + 2, flags)
    p16(out + 4, query.question != 0)
    p16(out + 6, ancount)
    p16(out + 8, nscount)
    p16(out + 10, arcount + additional)
    return at + length + opt_length


cdef int decide(Server *server, const Request *request, Query *query, Body *body) noexcept nogil:
    """Work out the body; return NOERROR or DECLINED. Odd packets leave their counter in query."""
    cdef int opcode = request.packet[2] >> 3 & 15
    cdef const Zone *zone
    body.empty = True
    body.composed = NULL
    body.extended_error = 0
    charge(&body.account, 0, KIND_OTHER, 0)
    body.rcode = parse(query, opcode)
    if opcode != OPCODE_QUERY and opcode != OPCODE_NOTIFY and opcode != OPCODE_UPDATE:
        # no more is read of it than its EDNS, and no rule holds
        query.question = 0
        body.rcode = NOERROR
    if body.rcode:
        return DECLINED if body.rcode == DECLINED else NOERROR
    if query.has_edns and query.version:
        body.rcode = odd(query, C_odd_edns_version, BADVERS)
    elif query.has_edns and query.bad_cookie:
        body.rcode = odd(query, C_odd_cookie, FORMERR)
    elif server.hands_over and (
        query.tsig or opcode == OPCODE_NOTIFY or opcode == OPCODE_UPDATE
    ):
        return DECLINED
    elif query.tsig:
        body.rcode = odd(query, C_odd_tsig_key, NOTAUTH)
    elif opcode == OPCODE_NOTIFY:
        body.rcode = odd(query, C_odd_notify, REFUSED)
    elif opcode == OPCODE_UPDATE:
        body.rcode = odd(query, C_odd_update, REFUSED)
    elif opcode != OPCODE_QUERY:
        body.rcode = odd(query, C_odd_opcode, NOTIMP)
    elif query.question == 0:
        body.rcode = NOERROR
    elif query.qclass == 3:
        return DECLINED
    elif query.qclass != 1:
        body.rcode = odd(query, C_odd_class, REFUSED)
    elif query.qtype == TYPE_OPT or query.qtype == TYPE_TKEY or query.qtype == TYPE_TSIG:
        body.rcode = odd(query, C_odd_meta_type, FORMERR)
    else:
        zone = zone_of(server, query)
        if zone == NULL:
            body.extended_error = 20
            body.rcode = odd(query, C_not_authoritative, REFUSED)
        elif zone.image == NULL:
            body.extended_error = 24 if zone.is_expired else 14
            body.rcode = odd(query, C_not_ready, SERVFAIL)
        else:
            body.empty = False
            return lookup(server, zone, query, limit_of(server, request, query), body)
    return NOERROR


cdef void count_query(Server *server, const Request *request, const Query *query, const Body *body) noexcept nogil:
    """Count what the readable twin counts for the same packet."""
    cdef uint64_t *count = server.count
    cdef bint parsed = query.counter < 0 or query.counter in (
        C_odd_class, C_odd_meta_type, C_not_authoritative, C_not_ready
    )
    cdef bint other = query.counter in (
        C_odd_notify, C_odd_update, C_odd_opcode, C_odd_tsig_key
    )
    count[C_queries + request.transport] += 1
    if body.verdict != DROP:
        count[C_responses + request.transport] += 1
        count[C_rcode + min(body.rcode, LAST_RCODE)] += 1
        count[C_truncated] += body.truncated
    count[C_cookies_valid] += query.made_with >= 0
    if query.counter >= 0:
        count[query.counter] += 1
    if query.has_edns and (
        parsed or other or query.counter in (C_odd_edns_version, C_odd_cookie)
    ):
        count[C_edns] += 1
        if parsed or other:
            count[C_dnssec_ok] += query.edns_flags >> 15
    if parsed and query.question:
        count[_qtype_counter[query.qtype] if query.qtype < 512 else C_qtype_other] += 1


cdef int respond(Server *server, const Request *request, uint8_t *out, int room) noexcept nogil:
    """Answer one packet into ``out``; return the length, 0 for no answer, or DECLINED."""
    cdef Query query
    cdef Body body
    cdef Bucket bucket
    cdef Asked asked
    cdef bint limited
    cdef int length
    cdef int64_t began = 0
    if request.size < 12 or request.packet[2] & 0x80:
        server.count[C_queries + request.transport] += 1
        server.count[C_drop_short if request.size < 12 else C_drop_response] += 1
        return 0
    if is_listened(&server.tap):
        began = tap_clock(&server.tap)
    query.packet = request.packet
    query.size = request.size
    query.second = server.second
    query.draws = &server.draws
    query.client = request.address
    query.client_length = request.address_length
    query.question = query.qtype = query.qclass = 0
    query.payload = query.version = query.edns_flags = 0
    query.has_edns = query.nsid = query.keepalive = query.bad_cookie = False
    query.cookie = NULL
    query.tsig = 0
    query.counter = -1
    if decide(server, request, &query, &body) == DECLINED:
        return DECLINED
    query.made_with = made_with(server, request, &query)
    body.verdict = SEND
    # an answer is written before it is known whether it may be sent: the bucket's memory is far
    limited = request.transport != TCP and query.made_with < 0 and weigh(
        &server.limit, request.address, request.address_length, &body.account, &bucket
    )
    sketch_ask(&server.sketch, request, &query, &body.account, &asked)
    length = write_message(server, request, &query, &body, out, room)
    if length == DECLINED:
        return DECLINED
    if limited:
        body.verdict = judge(&server.limit, server.count, &bucket, body.account.kind)
        if body.verdict == SLIP:
            length = write_message(server, request, &query, &body, out, room)
        elif body.verdict == DROP:
            length = 0
    if body.verdict == SEND and not body.truncated:
        sketch_note(&server.sketch, request, &query, body.account.kind, &asked, out, length)
    if is_listened(&server.tap):
        tap_note(
            &server.tap, request, body.verdict, body.rcode, body.account.kind, began, out, length
        )
    count_query(server, request, &query, &body)
    return length
