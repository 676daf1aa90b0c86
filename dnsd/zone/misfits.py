"""What does not fit into an RRset, or a name, that is there already: findings, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire.name import to_text
from dnsd.zone.faults import called, error_at, warning_at
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.typenames import type_name

if TYPE_CHECKING:
    from dnsd.config.limits import Limits
    from dnsd.zone.records import RRset


def duplicate(first: RRset, record: RRset) -> Finding:
    """Return that ``record``, an RRset of one, is in the RRset that begins with ``first``."""
    return warning_at(
        record,
        "duplicate-record",
        f"the {called(record)} record stands here a second time (first "
        f"{_where(first, record)}): remove one",
    )


def second(first: RRset, record: RRset) -> Finding:
    """Return that there may be one record of the type of ``record`` and ``first``."""
    kind = type_name(record.rtype)
    return error_at(
        record,
        f"multiple-{kind.lower()}",
        f"the {called(record)} record is the second one, the first is {_where(first, record)}: "
        f"a name can have only one {kind}, remove the other",
    )


def overfull(record: RRset, limits: Limits) -> Finding:
    """Return that ``record`` is one too many for its RRset."""
    return error_at(
        record,
        "rrset-too-many",
        f"the {called(record)} record is one more than the limit of "
        f"{limits.records_per_rrset} in an RRset: remove some",
    )


def mixed(rrset: RRset, file: str, line: int) -> Finding:
    """Return that ``rrset`` has several TTLs, another one than the first at ``file``, ``line``."""
    return Finding(
        file,
        line,
        Severity.WARNING,
        f"the {called(rrset)} records have different TTLs: write the same one for all, "
        f"the lowest, {rrset.ttl}, is used (RFC 2181 §5.2)",
        "mixed-ttl",
    )


def crowded(first: RRset, number: int, limits: Limits) -> Finding:
    """Return that the name of ``first`` has too many records, ``number`` of them."""
    return error_at(
        first,
        "name-too-many",
        f"{to_text(first.owner)} has {number} records, more than the limit "
        f"of {limits.records_per_name} for a name: remove some",
    )


def _where(first: RRset, record: RRset) -> str:
    if not first.line:
        return "in the same file"  # one of records, which has no lines
    elsewhere = "" if first.file == record.file else f" of {first.file}"
    return f"on line {first.line}{elsewhere}"
