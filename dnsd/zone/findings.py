"""The result of a check: one finding for each fault, printed on one line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dnsd.text import printable


class Severity(StrEnum):
    """How bad a finding is: an error keeps the zone from being served, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One fault in one place.

    ``line`` counts from 1; 0 means the file as a whole, and is shown as its first line: tools
    that read FILE:LINE find one in every finding. ``code`` is a stable kebab-case word that they
    may match (``"missing-glue"``).
    """

    file: str
    line: int
    severity: Severity
    message: str
    code: str

    def __str__(self) -> str:
        where = f"{self.file}:{max(self.line, 1)}"
        return printable(f"{where}: {self.severity}: {self.message} [{self.code}]")
