"""The failover plane: has members checked, decides what pools are answered with, tells workers.

    selections  the cells of a pool: decisions in, notes out
    live        one pool of a running node: what is decided, and where it is written
    table       all pools: over zone edits, and over restarts
    checking    who is checked; what becomes of a pool when nobody sees its members
    rates       how often each pool is asked for, with an interval
    engine      puts them together, and acts in time
    forgetting  what caches still hold, for drains; statefile: failover.state
    commands    what operators ask and order; report: what they are told

What a result means and what follows is decided in :mod:`dnsd.failover`, which is pure.
"""
