# One packet in, one packet out: the twin of dnsd.hotpath._python.

from libc.stdint cimport int64_t, uint64_t, uint8_t
from libc.string cimport memcpy

from dnsd.hotpath.native.body cimport write_body, write_pool
from dnsd.hotpath.native.compose cimport write_composed
from dnsd.hotpath.native.image cimport Zone
from dnsd.hotpath.native.limit cimport Bucket, charge, DROP, judge, SEND, SLIP, weigh
from dnsd.hotpath.native.lookup cimport lookup
from dnsd.hotpath.native.octets cimport DECLINED, LARGEST, n16, p16
from dnsd.hotpath.native.opt cimport made_with, write_opt, write_tsig
from dnsd.hotpath.native.query cimport (
    AA, BADVERS, FORMERR, NOERROR, NOTAUTH, NOTIMP, odd, OPCODE_NOTIFY, OPCODE_QUERY,
    OPCODE_UPDATE, parse, QR, Query, RD_AND_CD, REFUSED, Request, SERVFAIL, TC, TCP, TYPE_OPT,
    TYPE_TKEY, TYPE_TSIG,
)
from dnsd.hotpath.native.records cimport ANSWER, AUTHORITY
from dnsd.hotpath.native.server cimport Body, MAX_OPT, MAX_TSIG, Server, SMALLEST_UDP
from dnsd.hotpath.native.sketch cimport Asked, sketch_ask, sketch_note
from dnsd.hotpath.native.tap cimport is_listened, tap_clock, tap_note
from dnsd.hotpath.native.zones cimport zone_of
from dnsd.image.layout cimport AUTHORITATIVE
from dnsd.metrics.counters cimport (
    C_cookies_valid, C_dnssec_ok, C_drop_response, C_drop_short, C_edns, C_not_authoritative,
    C_not_ready, C_odd_class, C_odd_cookie, C_odd_edns_version, C_odd_meta_type, C_odd_notify,
    C_odd_opcode, C_odd_tsig_key, C_odd_update, C_qtype_other, C_queries_udp, C_rcode_0,
    C_responses_udp, C_truncated, KIND_OTHER, LAST_RCODE, QTYPE_COUNTERS,
)


cdef inline int limit_of(const Server *server, const Request *request, const Query *query) noexcept nogil:
    """How many octets the response may have."""
    if request.transport == TCP:
        return LARGEST
    return max(SMALLEST_UDP, min(query.payload, server.udp_payload)) if query.has_edns else SMALLEST_UDP


cdef inline int write_message(Server *server, const Request *request, const Query *query, Body *body, uint8_t *out, int room) noexcept nogil:
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


cdef inline int decide(Server *server, const Request *request, Query *query, Body *body) noexcept nogil:
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


cdef inline void count_query(Server *server, const Request *request, const Query *query, const Body *body) noexcept nogil:
    """Count what the readable twin counts for the same packet."""
    cdef uint64_t *count = server.count
    cdef bint parsed = query.counter < 0 or query.counter in (
        C_odd_class, C_odd_meta_type, C_not_authoritative, C_not_ready
    )
    cdef bint other = query.counter in (
        C_odd_notify, C_odd_update, C_odd_opcode, C_odd_tsig_key
    )
    count[C_queries_udp + request.transport] += 1
    if body.verdict != DROP:
        count[C_responses_udp + request.transport] += 1
        count[C_rcode_0 + min(body.rcode, LAST_RCODE)] += 1
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
        count[QTYPE_COUNTERS[query.qtype] if query.qtype < 512 else C_qtype_other] += 1


cdef inline int respond(Server *server, const Request *request, uint8_t *out, int room) noexcept nogil:
    """Answer one packet into ``out``; return the length, 0 for no answer, or DECLINED."""
    cdef Query query
    cdef Body body
    cdef Bucket bucket
    cdef Asked asked
    cdef bint limited
    cdef int length
    cdef int64_t began = 0
    if request.size < 12 or request.packet[2] & 0x80:
        server.count[C_queries_udp + request.transport] += 1
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
