# Numbers of dnsd.image.selection for native modules: `python -m tests.numbers` writes them.

cdef enum:
    MEMBERS = 32
    NOTES = 8
    DENIAL_TTL = 10
    LONGEST_TTL = 16777215
    MODE_UNSET = 0
    MODE_ANSWER = 1
    MODE_NODATA = 2
    MODE_SERVFAIL = 3
    MODE_REFUSED = 4
    MODE_SOME = 5
