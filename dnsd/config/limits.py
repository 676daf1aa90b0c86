"""Limits for one zone file: every loop of the loader that a file can drive is bounded here.

The defaults are far above the needs of real zones, and far below what would overload a node.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from dnsd.config.kinds import Count, Duration, Size

WEEK_S = 604_800.0

_LOOP = "a zone file must not keep the loader from ending"
_HELD = "all of them are held in memory"


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits for loading one zone; ``[zones.limits]`` of the configuration."""

    file_octets: Annotated[int, Size("64KiB", "64GiB", "a file is read into memory whole")] = (
        1 << 30
    )
    """Size of one file: it is read into memory whole."""

    entry_octets: Annotated[
        int, Size("4KiB", "16MiB", "the largest rdata is 65535 octets, each up to 4 in text")
    ] = 1 << 20
    """Text of one record: 65535 octets of rdata written as \\DDD are 256 KiB."""

    include_depth: Annotated[int, Count(0, 64, "each level is a file kept in memory")] = 8
    """How deep $INCLUDE may be nested."""

    include_files: Annotated[int, Count(0, 100_000, _LOOP)] = 1000
    """How many $INCLUDE lines may be followed in all (eight levels of ten are 10^8 files)."""

    generate_steps: Annotated[int, Count(0, 16_777_216, _LOOP)] = 65_536
    """Records of one $GENERATE: enough for a /16 of reverse names."""

    generate_records: Annotated[int, Count(0, 100_000_000, _LOOP)] = 1_000_000
    """Records of all $GENERATE lines of a zone."""

    records: Annotated[int, Count(1, 100_000_000, _HELD)] = 10_000_000
    """Records of the zone."""

    records_per_rrset: Annotated[
        int, Count(1, 65_535, "a message counts its records with 16 bits")
    ] = 4096
    """Records of one RRset: more A records do not fit into a DNS message."""

    records_per_name: Annotated[
        int, Count(1, 1_000_000, "a name with more is a mistake or an attack")
    ] = 8192
    """Records of one owner, of all types."""

    nsec3_iterations: Annotated[int, Count(0, 65_535, "an NSEC3 record has 16 bits for them")] = (
        65_535
    )
    """A zone with more is refused. From 150 on, or earlier with a long salt, queries are answered
    without hashing anyway (see :mod:`dnsd.zone.hashing`)."""

    findings: Annotated[int, Count(1, 1_000_000, _HELD)] = 1000
    """Findings in a report; after so many errors the loader stops."""

    longest_ttl: Annotated[
        float, Duration("1s", "7d", "caches need not keep anything longer than seven days")
    ] = WEEK_S
    """The largest TTL that any zone has ever had: the horizon relies on it. A week means no limit,
    because caches should not keep anything longer."""
