"""DNS on the wire: octets in, values out, no I/O (RFC 1035 and what came after)."""
