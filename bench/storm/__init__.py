"""What retries do to an authoritative server that fails for a while, and to one that returns.

A real dnsd in a network namespace of its own, real resolvers and a simulated population in
another one in front of it. All that arrives is counted on the wire, also while nobody answers.
"""
