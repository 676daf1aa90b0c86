"""What was felt, beside what was promised: as a file, and as a table."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.promise.site import Site


class Row(msgspec.Struct, frozen=True):
    """Machines that died in one way: seconds that were promised, and felt by each name."""

    names: int
    checks: str
    way: str
    kills: int
    promised: float
    median: float
    longest: float

    @classmethod
    def of(cls, site: Site, way: str, kills: int, promised: float, felt: Sequence[float]) -> Self:
        """Return the figures of what was ``felt``."""
        checks = "shared" if site.shared else "distinct"
        longest = round(max(felt), 2)
        return cls(
            site.names, checks, way, kills, promised, round(statistics.median(felt), 2), longest
        )

    @property
    def is_kept(self) -> bool:
        """Whether no failure was felt longer than was promised."""
        return self.longest <= self.promised


class Study(msgspec.Struct, frozen=True):
    """How it was measured, and the rows."""

    command: str
    machine: dict[str, str]
    rows: list[Row]


def save(study: Study, path: Path) -> None:
    """Write ``study`` to ``path`` (JSON), and its table beside it (Markdown)."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(study), indent=1))
    path.with_suffix(".md").write_text(markdown(study))


def markdown(study: Study) -> str:
    """Return the table."""
    lines = [
        "# A promise in seconds, and what was felt",
        "",
        f"`{study.command}`, {', '.join(study.machine.values())}.",
        "Two machines die in turn; for how long a name can lead to the one that died, in seconds.",
        "",
        "| names | checks | the machine | kills | promised | median | longest | kept |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row.names} | {row.checks} | {row.way} | {row.kills} | {row.promised:.2f} | "
        f"{row.median:.1f} | {row.longest:.1f} | {'yes' if row.is_kept else 'no'} |"
        for row in study.rows
    ]
    return "\n".join((*lines, ""))
