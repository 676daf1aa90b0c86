"""The worker process: sockets in, answers out.

Knows sockets, the event loop, and how to follow what control publishes. What a packet
means is the hot path's business; dnspython is never loaded here.
"""
