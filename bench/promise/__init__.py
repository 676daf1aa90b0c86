"""Is a promise in seconds kept? Machines with many names die again and again before a real dnsd.

machines   two web servers on loopback, in a process of their own, that die in three ways
site       the zone, its policy, and what dnsd promises
run        kills, and how long each name led to the machine that died
study      the figures, as JSON and as a table
"""
