# The end of a response: OPT with its options (RFC 6891), cookies among them, and TSIG. The twin of
# dnsd.wire.opt and dnsd.wire.cookie.

from libc.stdint cimport int32_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcmp, memcpy, memset

from dnsd.hotpath.native.octets cimport n16, p16, p32
from dnsd.hotpath.native.query cimport (
    OPTION_COOKIE, OPTION_EDE, OPTION_KEEPALIVE, OPTION_NSID, Query, Request, TCP, TYPE_OPT,
    TYPE_TSIG,
)
from dnsd.hotpath.native.server cimport BADKEY, Body, Server
from dnsd.wire.siphash cimport siphash24


cdef inline int32_t cookie_age(const Request *request, const uint8_t *sent) noexcept nogil:
    """The seconds since the server cookie in ``sent`` was made."""
    return <int32_t>(request.now - (<uint32_t>n16(sent + 12) << 16 | <uint32_t>n16(sent + 14)))


cdef inline int made_with(const Server *server, const Request *request, const Query *query) noexcept nogil:
    """Which secret the client's cookie was made with; -1 if it has no valid one."""
    cdef uint8_t message[32]
    cdef uint64_t digest
    cdef int i
    cdef const uint8_t *sent = query.cookie
    if not query.has_edns or sent == NULL or query.bad_cookie:
        return -1
    if query.cookie_length != 24 or sent[8] != 1 or not -300 <= cookie_age(request, sent) <= 3600:
        return -1
    memcpy(message, sent, 16)
    memcpy(message + 16, request.address, request.address_length)
    for i in range(server.n_secrets):
        digest = siphash24(server.secrets[i], message, 16 + request.address_length)
        if memcmp(&digest, sent + 16, 8) == 0:
            return i
    return -1


cdef inline int write_cookie(Server *server, const Request *request, const Query *query, uint8_t *out) noexcept nogil:
    """Write client and server cookie (RFC 9018) to ``out``; return their length."""
    cdef uint8_t message[32]
    cdef uint64_t digest
    cdef const uint8_t *sent = query.cookie
    if query.made_with == 0 and cookie_age(request, sent) <= 1800:
        memcpy(out, sent, 24)
        return 24
    memcpy(message + 16, request.address, request.address_length)
    memcpy(message, sent, 8)
    memset(message + 8, 0, 4)
    message[8] = 1
    p32(message + 12, request.now)
    digest = siphash24(server.secrets[0], message, 16 + request.address_length)
    memcpy(out, message, 16)
    memcpy(out + 16, &digest, 8)
    return 24


cdef inline int write_opt(
    Server *server, const Request *request, const Query *query, const Body *body, uint8_t *out
) noexcept nogil:
    """Write the response's OPT record, at most MAX_OPT octets; return its length."""
    cdef int at = 11
    out[0] = 0
    p16(out + 1, TYPE_OPT)
    p16(out + 3, server.udp_payload)
    out[5] = body.rcode >> 4
    out[6] = 0
    p16(out + 7, query.edns_flags & 0x8000)
    if body.extended_error:
        p16(out + at, OPTION_EDE)
        p16(out + at + 2, 2)
        p16(out + at + 4, body.extended_error)
        at += 6
    if query.nsid and server.nsid_length >= 0:
        p16(out + at, OPTION_NSID)
        p16(out + at + 2, server.nsid_length)
        memcpy(out + at + 4, server.nsid, server.nsid_length)
        at += 4 + server.nsid_length
    if query.keepalive and request.transport == TCP:
        p16(out + at, OPTION_KEEPALIVE)
        p16(out + at + 2, 2)
        p16(out + at + 4, server.keepalive)
        at += 6
    if query.cookie != NULL and server.n_secrets and not query.bad_cookie:
        p16(out + at, OPTION_COOKIE)
        p16(out + at + 2, write_cookie(server, request, query, out + at + 4))
        at += 28
    p16(out + 9, at - 11)
    return at


cdef inline int write_tsig(const Query *query, uint8_t *out) noexcept nogil:
    """Write the TSIG record that refuses the query's: BADKEY, unsigned; return its length."""
    cdef uint8_t *at = out + query.tsig
    memcpy(out, query.tsig_owner, query.tsig)
    p16(at, TYPE_TSIG)
    p16(at + 2, 255)
    p32(at + 4, 0)
    p16(at + 8, query.algorithm + 16)
    at += 10
    memcpy(at, query.tsig_algorithm, query.algorithm + 8)
    at += query.algorithm + 8
    p16(at, 0)
    memcpy(at + 2, query.packet, 2)
    p16(at + 4, BADKEY)
    p16(at + 6, 0)
    return query.tsig + 10 + query.algorithm + 16
