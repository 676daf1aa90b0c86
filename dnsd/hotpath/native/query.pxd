# Query packets, bounded in work: the twin of dnsd.wire.query and dnsd.wire.opt.

from libc.stdint cimport uint16_t, uint32_t, uint64_t, uint8_t

from dnsd.hotpath.native.octets cimport DECLINED, FAULT, n16
from dnsd.metrics.counters cimport (
    C_odd_bad_name, C_odd_edns, C_odd_many_questions, C_odd_no_question, C_odd_records,
    C_odd_tsig_place,
)


cdef enum:
    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD_AND_CD = 0x0110
    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    NOTAUTH = 9
    BADVERS = 16
    TYPE_OPT = 41
    TYPE_DS = 43
    TYPE_RRSIG = 46
    TYPE_NSEC = 47
    TYPE_TKEY = 249
    TYPE_TSIG = 250
    TYPE_IXFR = 251
    TYPE_AXFR = 252
    TYPE_ANY = 255
    OPTION_NSID = 3
    OPTION_COOKIE = 10
    OPTION_KEEPALIVE = 11
    OPTION_EDE = 15
    MAX_OPTIONS = 32
    MAX_OTHER_RECORDS = 256   # of another opcode: beyond them OPT is not looked for
    OPCODE_QUERY = 0
    OPCODE_NOTIFY = 4
    OPCODE_UPDATE = 5


cdef enum:
    UDP, TCP                  # as in Request.transport


cdef extern from *:
    """
    /* ASCII letters in lower case. */
    #define DNSD_LOWER(c) ((c) >= 'A' && (c) <= 'Z' ? (c) + 32 : (c))
    #define DNSD_LOWER4(c) DNSD_LOWER(c), DNSD_LOWER(c + 1), DNSD_LOWER(c + 2), DNSD_LOWER(c + 3)
    #define DNSD_LOWER16(c) DNSD_LOWER4(c), DNSD_LOWER4(c + 4), DNSD_LOWER4(c + 8), DNSD_LOWER4(c + 12)
    #define DNSD_LOWER64(c) DNSD_LOWER16(c), DNSD_LOWER16(c + 16), DNSD_LOWER16(c + 32), DNSD_LOWER16(c + 48)
    static const uint8_t dnsd_lower[256] = {
        DNSD_LOWER64(0), DNSD_LOWER64(64), DNSD_LOWER64(128), DNSD_LOWER64(192)
    };
    """
    const uint8_t LOWER "dnsd_lower"[256]


cdef struct Request:
    const uint8_t *packet
    Py_ssize_t size
    int transport             # 0 UDP, 1 TCP
    uint32_t now
    const uint8_t *address
    int address_length
    uint16_t port


cdef struct Name:
    uint8_t lower[256]        # the whole name, ASCII letters in lower case
    int length
    int labels
    uint8_t offsets[128]


cdef struct Query:
    const uint8_t *packet
    Py_ssize_t size
    Name name
    int question              # octets of the question section as asked; 0: none
    int qtype
    int qclass
    bint has_edns
    int payload
    int version
    int edns_flags
    bint nsid
    bint keepalive
    bint bad_cookie
    const uint8_t *cookie     # NULL: none
    int cookie_length
    int made_with             # which secret the cookie was made with; -1: it is not valid
    int tsig                  # octets of the TSIG record's owner; 0: none (RFC 8945)
    const uint8_t *tsig_owner
    int algorithm             # octets of its algorithm's name; time signed and fudge follow it
    const uint8_t *tsig_algorithm
    uint32_t second           # when it is answered: of the monotonic clock, rounded up
    uint64_t *draws           # state of the worker's random numbers
    const uint8_t *client     # the client's address
    int client_length
    int counter               # the counter of what was odd


cdef inline int odd(Query *query, int counter, int rcode) noexcept nogil:
    query.counter = counter
    return rcode


cdef inline int parse_question(Query *query) noexcept nogil:
    """Read the question; return its end, or 0 when it is not well formed."""
    cdef const uint8_t *packet = query.packet
    cdef Py_ssize_t size = query.size
    cdef Name *name = &query.name
    cdef int at = 12, length, i
    name.labels = 0
    while True:
        if at >= size:
            return 0
        length = packet[at]
        if length == 0:
            break
        if length > 63 or at + 1 + length > 12 + 254 or at + 1 + length > size:
            return 0
        name.offsets[name.labels] = at - 12
        name.labels += 1
        name.lower[at - 12] = length
        for i in range(1, length + 1):
            name.lower[at - 12 + i] = LOWER[packet[at + i]]
        at += 1 + length
    name.lower[at - 12] = 0
    name.length = at - 11
    if at + 5 > size:
        return 0
    query.qtype = n16(packet + at + 1)
    query.qclass = n16(packet + at + 3)
    query.question = at - 7
    return at + 5


cdef inline int skip_name(const Query *query, int at) noexcept nogil:
    """Return where the name at ``at`` ends, or 0."""
    cdef int start = at, length
    while at < query.size and at - start < 255:
        length = query.packet[at]
        if length == 0:
            return at + 1
        if length >= 0xC0:
            return at + 2
        if length > 63:
            return 0
        at += 1 + length
    return 0


cdef inline int skip_record(Query *query, int at) noexcept nogil:
    """Return where the record at ``at`` ends, or 0."""
    cdef const uint8_t *packet = query.packet
    cdef int fixed = skip_name(query, at), end
    if fixed == 0 or fixed + 10 > query.size:
        odd(query, C_odd_records, FORMERR)
        return 0
    end = fixed + 10 + n16(packet + fixed + 8)
    if end > query.size:
        odd(query, C_odd_edns if n16(packet + fixed) == TYPE_OPT else C_odd_records, FORMERR)
        return 0
    return end


cdef inline int parse_options(Query *query, int at, int end) noexcept nogil:
    cdef int options = 0, code, length
    cdef const uint8_t *packet = query.packet
    while at < end:
        options += 1
        if options > MAX_OPTIONS or at + 4 > end:
            return FAULT
        code = n16(packet + at)
        length = n16(packet + at + 2)
        at += 4
        if at + length > end:
            return FAULT
        if code == OPTION_NSID:
            query.nsid = True
        elif code == OPTION_KEEPALIVE:
            query.keepalive = True
        elif code == OPTION_COOKIE and query.cookie == NULL:
            query.cookie = packet + at
            query.cookie_length = length
            query.bad_cookie = length != 8 and (length < 16 or length > 40)
        at += length
    return 0


cdef inline int whole_name(const Query *query, int at) noexcept nogil:
    """Return the octets of the uncompressed name at ``at``; 0 if it is none."""
    cdef int end = at
    while end < query.size and query.packet[end] and query.packet[end] <= 63:
        end += 1 + query.packet[end]
    if end >= query.size or query.packet[end] or end >= at + 255:
        return 0
    return end + 1 - at


cdef inline int note_tsig(Query *query, int at, int end) noexcept nogil:
    """Note the TSIG record from ``at`` to ``end``; return NOERROR or the rcode it deserves."""
    cdef const uint8_t *packet = query.packet
    cdef int owner = whole_name(query, at)
    cdef int rdata = at + owner + 10
    cdef int algorithm = whole_name(query, rdata) if owner else 0
    cdef int mac = rdata + algorithm + 8
    if algorithm == 0:
        return DECLINED  # compressed, or no names: the readable twin tells
    # original ID, error and the length of other data follow the MAC
    if mac + 8 > end or mac + 8 + n16(packet + mac) > end:
        return odd(query, C_odd_tsig_place, FORMERR)
    query.tsig = owner
    query.tsig_owner = packet + at
    query.algorithm = algorithm
    query.tsig_algorithm = packet + rdata
    return NOERROR


cdef inline int parse_additional(Query *query, int at, int left, int *rcode) noexcept nogil:
    """Read the additional record at ``at``, one of ``left``; return its end, or 0 (see ``rcode``)."""
    cdef const uint8_t *packet = query.packet
    cdef bint is_opt = at + 3 <= query.size and (packet[at] | packet[at + 1]) == 0 and (
        packet[at + 2] == TYPE_OPT
    )
    cdef int fixed, end, rtype
    if is_opt and query.has_edns:
        rcode[0] = odd(query, C_odd_edns, FORMERR)
        return 0
    end = skip_record(query, at)
    if end == 0:
        rcode[0] = FORMERR
        return 0
    fixed = skip_name(query, at)
    rtype = n16(packet + fixed)
    if is_opt:
        if parse_options(query, fixed + 10, end) == FAULT:
            query.nsid = query.keepalive = query.bad_cookie = False
            query.cookie = NULL
            rcode[0] = odd(query, C_odd_edns, FORMERR)
            return 0
        query.has_edns = True
        query.payload = n16(packet + fixed + 2)
        query.version = packet[fixed + 5]
        query.edns_flags = n16(packet + fixed + 6)
        return end
    if rtype == TYPE_OPT:
        rcode[0] = odd(query, C_odd_edns, FORMERR)
        return 0
    if rtype == TYPE_TSIG:
        if left != 1:
            rcode[0] = odd(query, C_odd_tsig_place, FORMERR)
            return 0
        rcode[0] = note_tsig(query, at, end)
        return 0 if rcode[0] else end
    return end


cdef inline int parse(Query *query, int opcode) noexcept nogil:
    """Read a packet; return NOERROR, the rcode it deserves, or DECLINED."""
    cdef const uint8_t *packet = query.packet
    cdef int qdcount = n16(packet + 4), arcount = n16(packet + 10)
    cdef int before = n16(packet + 6) + n16(packet + 8)
    cdef int at = 12, rcode = NOERROR, i
    if qdcount > 1:
        return odd(query, C_odd_many_questions, FORMERR)
    if qdcount:
        at = parse_question(query)
        if at == 0:
            return odd(query, C_odd_bad_name, FORMERR)
        if opcode == OPCODE_QUERY and (query.qtype == TYPE_IXFR or query.qtype == TYPE_AXFR):
            return DECLINED
    if opcode == OPCODE_QUERY:
        if before or arcount > 2:
            return odd(query, C_odd_records, FORMERR)
    elif before + arcount > MAX_OTHER_RECORDS:
        return NOERROR
    for i in range(before):
        at = skip_record(query, at)
        if at == 0:
            return FORMERR
    for i in range(arcount):
        at = parse_additional(query, at, arcount - i, &rcode)
        if at == 0:
            return rcode
    if qdcount == 0 and (opcode or query.cookie == NULL):
        return odd(query, C_odd_no_question, FORMERR)
    return NOERROR
