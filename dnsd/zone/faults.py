"""Findings about an RRset, with the place where it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dnsd.wire.name import to_text
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.typenames import type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.zone.records import RRset


def error_at(rrset: RRset, code: str, message: str) -> Finding:
    """Return an error about ``rrset``."""
    return Finding(rrset.file, rrset.line, Severity.ERROR, message, code)


def warning_at(rrset: RRset, code: str, message: str) -> Finding:
    """Return a warning about ``rrset``."""
    return Finding(rrset.file, rrset.line, Severity.WARNING, message, code)


def called(rrset: RRset) -> str:
    """Return owner and type of ``rrset`` for a message."""
    return f"{to_text(rrset.owner)} {type_name(rrset.rtype)}"


@dataclass(slots=True)
class SharedFault:
    """A fault that many RRsets have for one reason: reported once, with their number."""

    rrsets: list[RRset] = field(default_factory=list)

    def warn(self, code: str, message: str) -> Iterator[Finding]:
        """Report the fault where the first RRset stands, if there is any."""
        if self.rrsets:
            first, more = self.rrsets[0], len(self.rrsets) - 1
            others = f" (and {more} more)" if more else ""
            yield warning_at(first, code, message.replace("{}", called(first) + others, 1))
