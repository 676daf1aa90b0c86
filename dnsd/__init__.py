"""dnsd: an authoritative anycast DNS server with TTL-aware failover."""

__version__ = "0.1.0.dev0"
