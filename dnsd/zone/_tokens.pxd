from libc.stdint cimport uint8_t


cdef enum:
    MOST_TOKENS = 512         # of one entry; Python reads what has more


cdef struct Token:
    const uint8_t *at         # of a quoted string, behind the quote
    int length
    bint quoted
    bint escaped              # has a backslash
    bint glued                # stands behind the token before, with no white space


cdef struct Entry:
    Token tokens[MOST_TOKENS]
    int count
    bint glued                # has tokens that are
    bint blank                # begins with white space: the same owner as before
    Py_ssize_t end            # where the next one is looked for
    Py_ssize_t lines          # line breaks up to there


cdef Py_ssize_t skip_blank(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t size, Py_ssize_t *line
) noexcept nogil
cdef bint scan(
    const uint8_t *data, Py_ssize_t at, Py_ssize_t size, Py_ssize_t limit, Entry *entry
) noexcept nogil
cdef int unescape(const Token *token, uint8_t *out, int room) noexcept nogil
cdef int read_name(
    const Token *token, const uint8_t *origin, int origin_length, uint8_t *out
) noexcept nogil
cdef void fold(uint8_t *out, const uint8_t *name, int length) noexcept nogil
