# A socket whose turns wait in the kernel for what is about to come.

cdef class _Lingering:
    """One socket's turns; see :meth:`dnsd.hotpath.api.Draining.lingering`."""

    cdef NativeHotPath hotpath
    cdef int fd
    cdef int64_t turn
    cdef Pace pace

    def __cinit__(self, NativeHotPath hotpath not None, int fd, others, double turn):
        cdef int other, i
        self.turn = nanoseconds(turn)
        memset(&self.pace, 0, sizeof(Pace))
        self.hotpath = hotpath
        self.fd = fd
        self.pace.others = <pollfd *>calloc(len(others) + 1, sizeof(pollfd))
        if self.pace.others == NULL:
            raise MemoryError
        for i, other in enumerate(others):
            self.pace.others[i].fd = other
            self.pace.others[i].events = POLLIN
            self.pace.n_others = i + 1

    def __dealloc__(self):
        free(self.pace.others)

    def __call__(self):
        cdef int64_t now = monotonic(), until = now + self.turn
        cdef int flags = MSG_DONTWAIT, received
        while True:
            received = self.hotpath._exchange(self.fd, flags, until)
            now = pace_note(&self.pace, received, flags != MSG_DONTWAIT)
            if received == 0 or now >= until:
                break
            if pace_may_wait(&self.pace, now):
                flags = MSG_WAITFORONE
            elif received <= FEW:
                break
            else:
                flags = MSG_DONTWAIT
        return received > FEW or self.hotpath.owes
