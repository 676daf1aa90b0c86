from libc.stdint cimport int64_t, uint8_t

from dnsd.zone._tokens cimport Token

cdef int type_of(const Token *token) noexcept nogil
cdef int64_t ttl_of(const Token *token) noexcept nogil
cdef int write_rdata(
    int rtype, const Token *tokens, int count, const uint8_t *origin, int origin_length,
    uint8_t *out, int room
) noexcept nogil
