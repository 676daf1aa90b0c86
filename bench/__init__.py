"""Measures dnsd beside other servers: same zone, same queries, same core, one run.

Knows nothing of the inside of dnsd that runs: every server is a command, a port and a process tree.
Zone files are read by its loader (`bench.queries`).
"""
