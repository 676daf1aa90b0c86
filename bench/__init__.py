"""Measures dnsd beside other servers: same zone, same queries, same core, one run.

Knows nothing of dnsd's inside: every server is a command, a port and a process tree.
"""
