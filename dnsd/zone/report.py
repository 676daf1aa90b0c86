"""Collects findings while a zone is loaded, up to a limit."""

from __future__ import annotations

from dnsd.zone.findings import Finding, Severity


class FindingsReport:
    """The findings so far, at most ``limit`` of them; the rest is only counted."""

    def __init__(self, limit: int) -> None:
        self.errors = 0
        self._limit = limit
        self._found: list[Finding] = []
        self._left_out = 0

    @property
    def full(self) -> bool:
        """Whether the limit of errors is reached, so that loading should stop."""
        return self.errors >= self._limit

    def error(self, file: str, line: int, code: str, message: str) -> None:
        """Note a fault that keeps the zone from being served."""
        self.add(Finding(file, line, Severity.ERROR, message, code))

    def warn(self, file: str, line: int, code: str, message: str) -> None:
        """Note a fault that the zone can be served with."""
        self.add(Finding(file, line, Severity.WARNING, message, code))

    def add(self, finding: Finding) -> None:
        """Note ``finding``; when there are too many, errors go before warnings."""
        is_error = finding.severity is Severity.ERROR
        self.errors += is_error
        if len(self._found) < self._limit:
            self._found.append(finding)
            return
        self._left_out += 1
        if is_error and self.errors == 1:
            # A refused zone must show at least one reason.
            self._found[-1] = finding

    def findings(self, file: str) -> tuple[Finding, ...]:
        """Return all findings by file and line; one about ``file`` says if there were too many."""
        found = list(self._found)
        if self._left_out or self.full:
            severity = Severity.ERROR if self.errors else Severity.WARNING
            message = f"there are more than {self._limit} findings: fix these, then check again"
            found.append(Finding(file, 0, severity, message, "too-many-findings"))
        return tuple(sorted(found))
