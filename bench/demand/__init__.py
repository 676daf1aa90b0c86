"""What caches ask a server, from a log, and so what they would ask it with another TTL.

    reading    a log's lines or packets, in several formats, as a :class:`Log`
    estimate   the demand behind each cache and RRset: λ = n / (W - nT)
    rates      a demand that is known already, as CSV
    curve      queries per second at any TTL, with a band, in the mean and at the daily peak

A server sees only what caches did not know, so the demand of their users has to be worked out.
"""
