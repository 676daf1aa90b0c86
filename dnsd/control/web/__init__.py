"""HTTP, for programs that want to know about this node: they can read, and nothing else.

server   connections and their limits in time
room     their limits in number
talk     one request and its answer; the HTTP itself is h11's
pages    what can be read
metrics  the node's state as metrics
"""
