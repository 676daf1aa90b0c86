# What workers were asked and what they answered: the twin of dnsd.hotpath.tap, in the same memory.

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t, uint8_t
from libc.string cimport memcpy, memset

from dnsd.hotpath.native.clock cimport monotonic
from dnsd.hotpath.native.limit cimport SEND, SLIP
from dnsd.hotpath.native.query cimport REFUSED, Request
from dnsd.image.tap cimport (
    ENTRY_SIZE, GOLDEN, LONGEST_TOOK, MOST, RING, TAPCONTROL_ODD, TAPCONTROL_SLOW,
    TAPCONTROL_THRESHOLD, TAPFLAG_GAP, TAPFLAG_LIMITED, TAPFLAG_REFUSED, TAPFLAG_SLIPPED,
    TAPFLAG_SLOW, TAPHEAD_ASKED, TAPHEAD_RESERVED, TAPHEAD_TAKEN, TAPHEAD_WRITTEN,
)

cdef extern from *:
    """
    #define dnsd_before_stores() __atomic_thread_fence(__ATOMIC_RELEASE)
    """
    void dnsd_before_stores() nogil

cdef struct Tap:
    const uint64_t *control   # NULL: there is no memory for it
    uint64_t *head
    uint8_t *ring
    uint64_t threshold        # of this batch: 0 if none listens
    uint64_t slow
    bint odd                  # what is limited, refused or slow is taken, too


cdef packed struct TapEntry:     # as dnsd.image.tap.ENTRY
    uint32_t size
    uint16_t flags
    uint16_t port
    uint64_t number
    uint64_t sequence
    uint64_t at
    uint32_t took
    uint16_t query_size
    uint16_t response_size
    uint16_t query_kept
    uint16_t response_kept
    uint8_t family
    uint8_t transport
    uint8_t rcode
    uint8_t kind
    uint8_t address[16]


cdef inline int tap_attach(Tap *tap, cells) except -1:
    """Have ``tap`` work on ``cells``, which the caller keeps."""
    cdef const uint64_t[::1] control = cells.control
    cdef uint64_t[::1] head = cells.head
    cdef uint8_t[::1] ring = cells.ring
    if ring.shape[0] != RING:
        raise ValueError("a tap has a ring")
    tap.control, tap.head, tap.ring = &control[0], &head[0], &ring[0]
    return 0


cdef inline void tap_begin(Tap *tap) noexcept nogil:
    """Follow control."""
    if tap.control == NULL:
        return
    tap.threshold = tap.control[TAPCONTROL_THRESHOLD]
    tap.odd = tap.control[TAPCONTROL_ODD] != 0
    tap.slow = tap.control[TAPCONTROL_SLOW]


cdef inline bint is_below(uint64_t number, uint64_t threshold) noexcept nogil:
    """Whether a worker's query is in the sample."""
    return <uint32_t>(number * GOLDEN) < threshold


cdef inline bint is_listened(const Tap *tap) noexcept nogil:
    return tap.threshold != 0 or tap.odd


cdef inline int64_t tap_clock(const Tap *tap) noexcept nogil:
    """When a query begins that may be taken; 0 if it will not be, whatever becomes of it."""
    cdef uint64_t number = tap.head[TAPHEAD_ASKED] + 1
    if tap.odd or is_below(number, tap.threshold):
        return monotonic()
    return 0


cdef inline uint8_t *tap_reserve(const Tap *tap, int size) noexcept nogil:
    """Say that ``size`` octets are about to be written; return where."""
    cdef uint64_t at = tap.head[TAPHEAD_WRITTEN]
    cdef uint64_t place = at & (RING - 1), gap = 0
    cdef uint32_t length
    cdef uint16_t flags = TAPFLAG_GAP
    if place + size > RING:
        gap = RING - place
    tap.head[TAPHEAD_RESERVED] = at + gap + size
    dnsd_before_stores()
    if gap == 0:
        return tap.ring + place
    length = gap
    memset(tap.ring + place, 0, 8)
    memcpy(tap.ring + place, &length, 4)
    memcpy(tap.ring + place + 4, &flags, 2)
    return tap.ring


cdef inline void tap_write(
    const Tap *tap, const Request *request, TapEntry *entry, const uint8_t *response
) noexcept nogil:
    cdef int used = ENTRY_SIZE + entry.query_kept + entry.response_kept
    cdef uint8_t *into
    entry.size = (used + 7) & ~7
    into = tap_reserve(tap, entry.size)
    memcpy(into, entry, ENTRY_SIZE)
    memcpy(into + ENTRY_SIZE, request.packet, entry.query_kept)
    memcpy(into + ENTRY_SIZE + entry.query_kept, response, entry.response_kept)
    memset(into + used, 0, entry.size - used)
    dnsd_before_stores()
    tap.head[TAPHEAD_WRITTEN] = tap.head[TAPHEAD_RESERVED]


cdef inline void tap_note(
    const Tap *tap, const Request *request, int verdict, int rcode, int kind, int64_t began,
    const uint8_t *response, int length
) noexcept nogil:
    """Take a query that ``began`` then, if it is to be taken; see :func:`tap_clock`."""
    cdef TapEntry entry
    cdef int64_t now
    cdef uint64_t number = tap.head[TAPHEAD_ASKED] + 1
    tap.head[TAPHEAD_ASKED] = number
    if began == 0:
        return
    now = monotonic()
    entry.took = min(<uint64_t>(now - began), LONGEST_TOOK)
    entry.flags = 0
    if verdict != SEND:
        entry.flags = TAPFLAG_LIMITED | TAPFLAG_SLIPPED if verdict == SLIP else TAPFLAG_LIMITED
    if rcode == REFUSED:
        entry.flags |= TAPFLAG_REFUSED
    if entry.took > tap.slow:
        entry.flags |= TAPFLAG_SLOW
    if not is_below(number, tap.threshold) and not (entry.flags and tap.odd):
        return
    entry.sequence = tap.head[TAPHEAD_TAKEN] + 1
    tap.head[TAPHEAD_TAKEN] = entry.sequence
    entry.port = request.port
    entry.number = number
    entry.at = now
    entry.query_size, entry.response_size = request.size, length
    entry.query_kept = min(request.size, <Py_ssize_t>MOST)
    entry.response_kept = min(length, <int>MOST)
    entry.family = 4 if request.address_length == 4 else 6
    entry.transport = request.transport
    entry.rcode = rcode
    entry.kind = kind
    memset(entry.address, 0, 16)
    memcpy(entry.address, request.address, request.address_length)
    tap_write(tap, request, &entry, response)
