from dnsd.zone._table cimport Table

cdef bint is_nsec_sound(Table table) noexcept
cdef bint is_nsec3_sound(Table table) noexcept
