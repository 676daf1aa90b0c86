# Numbers of dnsd.image.tap for native modules: `python -m tests.numbers` writes them.

cdef enum:
    AF_INET = 2
    AF_INET6 = 10
    CONTROL = 8
    HEAD = 8
    RING = 2097152
    MOST = 4096
    SIZE = 2097216
    ENTRY_SIZE = 64
    ALIGNED = 8
    TAPCONTROL_THRESHOLD = 0
    TAPCONTROL_ODD = 1
    TAPCONTROL_SLOW = 2
    TAPHEAD_WRITTEN = 0
    TAPHEAD_RESERVED = 1
    TAPHEAD_TAKEN = 2
    TAPHEAD_ASKED = 3
    TAPFLAG_LIMITED = 1
    TAPFLAG_SLIPPED = 2
    TAPFLAG_REFUSED = 4
    TAPFLAG_SLOW = 8
    TAPFLAG_GAP = 16
    TAPFLAG_ODD = 15

cdef extern from *:
    """
    #define DNSD_IMAGE_TAP_GOLDEN 0x9e3779b1ULL
    """
    const unsigned long long GOLDEN "DNSD_IMAGE_TAP_GOLDEN"

cdef extern from *:
    """
    #define DNSD_IMAGE_TAP_ALL 0x100000000ULL
    """
    const unsigned long long ALL "DNSD_IMAGE_TAP_ALL"

cdef extern from *:
    """
    #define DNSD_IMAGE_TAP_LONGEST_TOOK 0xffffffffULL
    """
    const unsigned long long LONGEST_TOOK "DNSD_IMAGE_TAP_LONGEST_TOOK"
