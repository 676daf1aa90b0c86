from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    FIXED = 10                # octets of a record between its owner and its data


cdef struct Stored:
    const uint8_t *at         # the octet that says how long the owner is; the owner follows
    const uint8_t *rdata
    uint32_t ttl
    int owner_length, rtype, length
    uint64_t size             # octets of all of it


cdef class Output:
    cdef uint8_t *octets
    cdef uint64_t used, room

    cdef int put(self, const uint8_t *at, uint64_t size) except -1 nogil
    cdef bytes taken(self)


cdef bint view(const uint8_t *at, const uint8_t *end, Stored *out) noexcept nogil
cdef int compare_names(const uint8_t *a, int a_length, const uint8_t *b, int b_length) noexcept nogil
cdef int compare_records(const Stored *a, const Stored *b) noexcept nogil
cdef bint is_same(const Stored *a, const Stored *b) noexcept nogil
cdef bint is_name(const uint8_t *name, int length) noexcept nogil
cdef bint is_inside(const uint8_t *name, int length, const uint8_t *apex, int apex_length) noexcept nogil
cdef int names_at(int rtype, const uint8_t *rdata, int length, int *start) noexcept nogil
cdef void folded_part(int rtype, const uint8_t *rdata, int length, int *start, int *end) noexcept nogil
cdef uint8_t lowered(uint8_t octet) noexcept nogil
