"""Which members of an RRset are answered, and with which TTL: pure.

    member      one member: its state, from results of checks and the operator's orders
    ttl, pool   members → what is answered, with which TTL, and why; choice: which of them
    quorum      what several nodes agree on; council: the votes on the members of a pool
    drain       how a member leaves step by step; stored: what survives a restart
    objective   can a recovery time be met; price: what a TTL costs in queries

Nothing here reads a clock: the time is an argument.
"""
