"""Which TTL to choose: what caches look up, how long they hold it, what that costs. Pure.

    demand     how often caches look an RRset up, and so what they ask with any TTL
    counted    the same from a sample of pairs that a node has counted
    held       what the caching of a response is governed by: which RRset, which TTL
    recovery   when users are back after a failure: the median, 95 %, and the last of them
    advice     one TTL for each RRset, with the reason

``dnsd rto``, ``dnsd check`` and ``python -m bench plan`` share it.
"""
