# Numbers of dnsd.image.demand for native modules: `python -m tests.numbers` writes them.

cdef enum:
    SETS = 1024
    WAYS = 8
    PAIRS = 8192
    GAPS = 14
    NAME = 96
    HOT = 64
    COLD = 128
    HOURS = 24
    OTHERS = 7
    CONTROL = 64
    HEAD = 64
    WINDOW_KEY = 0
    WINDOW_BEGAN = 2
    WINDOW_DAY = 3
    WINDOW_ENDED = 4
    HEAD_NUMBER = 0
    HEAD_TAKEN = 1
    HEAD_LONG = 2
    HEAD_OTHER = 8
    HEAD_HOUR = 16
    CURRENT = 0
    LATEST = 1
    CONTROL_AT = 8
    CONTROL_SIZE = 8
    SIZE = 3294208

cdef extern from *:
    """
    #define DNSD_IMAGE_DEMAND_OPEN 0xffffffffffffffffULL
    """
    const unsigned long long OPEN "DNSD_IMAGE_DEMAND_OPEN"
