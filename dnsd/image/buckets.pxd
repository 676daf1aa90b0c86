# Numbers of dnsd.image.buckets for native modules: `python -m tests.numbers` writes them.

cdef enum:
    WAYS = 8
    BUCKETS = 16384
    TIME_BITS = 40
    LIMITED = 16
    ROW = 8
    QUIET = 60
    BUCKETROW_PREFIX = 0
    BUCKETROW_ABOUT = 1
    BUCKETROW_COUNT = 2
    BUCKETROW_SINCE = 3
    BUCKETROW_LAST = 4
