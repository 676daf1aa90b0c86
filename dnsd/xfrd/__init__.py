"""The transfer process: gives zones to other servers, fetches them, and checks signatures.

It is called as NSD's is. Its death costs no answer: the workers answer by themselves, and what it
knows is on disk.
"""
