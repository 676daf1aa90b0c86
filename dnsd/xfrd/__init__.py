"""The transfer process: sends zones to other servers, fetches zones, and checks signatures.

It has the name of NSD's. When it dies, no answer is lost: the workers do not need it, and all of
its state is on disk.
"""
