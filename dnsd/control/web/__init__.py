"""HTTP, for programs that want to know about this node: they can read, and nothing else.

server   connections and their limits; the HTTP itself is the standard library's
pages    what can be read
metrics  the node's state as metrics
"""
