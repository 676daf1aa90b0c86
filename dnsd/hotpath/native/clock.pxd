# cython: cdivision=True
# Clocks, in nanoseconds.

from libc.stdint cimport int64_t, uint32_t

from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

cdef extern from "<time.h>" nogil:
    int CLOCK_BOOTTIME


cdef inline int64_t _read_clock(int which) noexcept nogil:
    cdef timespec now
    clock_gettime(which, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef inline int64_t monotonic() noexcept nogil:
    return _read_clock(CLOCK_MONOTONIC)


cdef inline int64_t since_boot() noexcept nogil:
    """A clock that goes on while the machine is suspended."""
    return _read_clock(CLOCK_BOOTTIME)


cdef inline int64_t nanoseconds(double seconds) noexcept nogil:
    return <int64_t>(seconds * 1e9)


cdef inline uint32_t whole_second(int64_t clock) noexcept nogil:
    """The seconds of the monotonic clock ``clock``, rounded up."""
    return <uint32_t>((clock + 999999999) // 1000000000)
