"""How many queries an authoritative server gets, against the TTL of what it serves.

A real dnsd is asked by real caching resolvers, and by a population of simulated caches; beside
both stands the model, the sum of λ/(1+λT) over all caches and names.
"""

from __future__ import annotations

TTLS = (0, 1, 5, 15, 30, 60, 300, 900, 3600)
"""The TTLs of tables, in seconds."""
