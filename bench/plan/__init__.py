"""Which TTLs keep within a budget of queries and within a recovery time objective.

The prices and the worst cases are dnsd's own (:mod:`dnsd.failover.price` and ``objective``), so
that what is planned here is what ``dnsd check`` says of the policy later.
"""
