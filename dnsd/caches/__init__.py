"""What caches may still hold of a node's answers, and until when: pure.

    version          what a cache can hold: one content of an RRset, a negative answer, anything
    listing          the versions in a zone that is served
    changes          what caches may still hold after a zone has changed
    ledger           one node's account: until when caches may hold what it has given out
    site             the accounts of all nodes, or the reason why one is missing; acquainted: which
    outside          secondaries, which answer without an account
    judge            SAFE, WAIT or UNKNOWN

Nothing here reads a clock: the time is an argument.
"""
