from libc.stdint cimport uint8_t

from dnsd.zone._tokens cimport Token

cdef int write_hex(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil
cdef int write_base64(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil
cdef int write_hash(const Token *token, uint8_t *out) noexcept nogil
cdef int write_salt(const Token *token, uint8_t *out) noexcept nogil
