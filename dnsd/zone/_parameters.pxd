from libc.stdint cimport uint8_t

from dnsd.zone._tokens cimport Token

cdef int write_parameters(const Token *tokens, int count, uint8_t *out, int room) noexcept nogil
