"""How much one zone may ask for: every loop of the loader that a file can drive has a limit here.

Knows nothing of zones. The numbers are far above what real zones need and far below what
would keep a node from its work.
"""

from __future__ import annotations

from dataclasses import dataclass

WEEK_S = 604_800.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for loading one zone."""

    file_octets: int = 1 << 30
    """Size of one file: it is read into memory whole."""

    entry_octets: int = 1 << 20
    """Text of one record: 65535 octets of rdata written as \\DDD are 256 KiB."""

    include_depth: int = 8
    """How deep $INCLUDE may be nested."""

    include_files: int = 1000
    """How many $INCLUDE lines may be followed in all (eight levels of ten are 10^8 files)."""

    generate_steps: int = 65536
    """Records of one $GENERATE: enough for a /16 of reverse names."""

    generate_records: int = 1_000_000
    """Records of all $GENERATE lines of a zone."""

    records: int = 10_000_000
    """Records of the zone."""

    records_per_rrset: int = 4096
    """Records of one RRset: more A records do not fit into a DNS message."""

    records_per_name: int = 8192
    """Records of one owner, of all types."""

    nsec3_iterations: int = 65535
    """A zone with more is refused. From 150 on, or less with a long salt, queries do not pay for
    the hashing anyway (see :mod:`dnsd.zone.hashing`)."""

    findings: int = 1000
    """Findings that are kept; after so many errors the loader stops."""

    longest_ttl: float = WEEK_S
    """The largest TTL of a record: the horizon relies on it. A week is no limit, since no cache
    should keep anything longer."""
