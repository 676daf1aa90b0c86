"""The failover plane: checks members, decides how pools are answered, tells workers.

    selections  the cells of a pool: decisions in, notes out
    live        one pool of a running node: what is decided, and where it is written
    table       all pools: over zone edits, and over restarts
    checking    which members are checked; what happens to a pool when none can be
    rates       how often each pool is asked for, with an interval
    engine      puts them together, and acts in time
    forgetting  what caches still hold, for drains; statefile: failover.state
    commands    what operators ask and order; report: the answers

What a result means and what follows is decided in :mod:`dnsd.failover`, which is pure.
"""
