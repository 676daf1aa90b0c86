# When to wait for the next datagram in the kernel instead of in the event loop, whose turn
# (epoll_wait, timers, Python) costs as much as a tenth of a query. Only while datagrams come
# quickly and no other socket wants the loop. The loop gets its turn all the same.

from libc.stdint cimport int64_t

from dnsd.hotpath.native.clock cimport monotonic


cdef extern from "<poll.h>" nogil:
    cdef struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long n, int timeout)
    int POLLIN

cdef enum:                    # nanoseconds where nothing else is said
    PEEK = 250000             # between two looks at the others
    QUICK = 32                # datagrams; when so many have come within
    QUICK_WITHIN = 3200000    # this time, the next one is near
    SILENCE = 1000000         # without a datagram: they come quickly no more
    # How long not to wait: the kernel ends a wait only when its timer ticks, up to 8 ms later.
    AFTER_SILENCE = 50000000
    AFTER_OTHERS = 10000000   # who are busy will want the loop again soon


cdef struct Pace:
    bint quick
    int counted               # datagrams since then:
    int64_t since
    int64_t noted
    int64_t peeked
    int64_t not_before        # earlier there is no waiting
    pollfd *others
    int n_others


cdef inline int64_t pace_note(Pace *pace, int received, bint waited) noexcept nogil:
    """Note what was ``received``, perhaps after having ``waited``; return what time it is."""
    cdef int64_t now = monotonic()
    if waited and now - pace.noted > SILENCE:
        pace.quick = False
        pace.counted = 0
        pace.since = now
        pace.not_before = now + AFTER_SILENCE
    pace.noted = now
    pace.counted += received
    if pace.counted >= QUICK:
        pace.quick = now - pace.since <= QUICK_WITHIN
        pace.counted = 0
        pace.since = now
    return now


cdef inline bint pace_may_wait(Pace *pace, int64_t now) noexcept nogil:
    """Whether the next datagram is near and no other socket has anything for the loop."""
    if not pace.quick or now < pace.not_before:
        return False
    if now - pace.peeked < PEEK:
        return True
    pace.peeked = now
    if poll(pace.others, pace.n_others, 0) == 0:
        return True
    pace.not_before = now + AFTER_OTHERS
    return False
