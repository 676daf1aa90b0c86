"""What a search has found: as a file, and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_SIGNED = 10.0
"""Plain hits that a packet may cost in a signed zone."""
LIMIT = 5.0
"""The same where there is no DNSSEC in it."""


class Row(msgspec.Struct, frozen=True):
    """One packet: where it was put, and how many plain hits it costs dnsd.

    ``rivals`` has the same for other servers, each by its own plain hit.
    """

    zone: str
    packet: str
    transport: str
    dnssec: bool
    factor: float
    rivals: dict[str, float] = {}

    @property
    def is_too_dear(self) -> bool:
        """It costs more than a packet may."""
        return self.factor > (LIMIT_SIGNED if self.dnssec else LIMIT)


class Study(msgspec.Struct, frozen=True):
    """A search: how it was made, what a plain hit costs in microseconds of CPU, and the rows."""

    command: str
    machine: dict[str, str]
    tried: int
    plain: dict[str, float]
    rows: list[Row]


def save(study: Study, path: Path) -> None:
    """Write ``study`` to ``path`` (JSON), and its tables beside it (Markdown)."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(study), indent=1))
    path.with_suffix(".md").write_text(markdown(study))


def markdown(study: Study) -> str:
    """Return the tables."""
    servers = list(study.plain)
    plain = ", ".join(f"{name} {micros:.1f} µs" for name, micros in study.plain.items())
    lines = [
        "# The dearest query",
        "",
        f"`{study.command}`, {', '.join(study.machine.values())}.",
        f"{study.tried} packets were tried. CPU time of a plain hit: {plain}.",
    ]
    for signed, limit in ((False, LIMIT), (True, LIMIT_SIGNED)):
        lines += [
            "",
            f"## {'With' if signed else 'Without'} DNSSEC: at most {limit:g} plain hits",
            "",
            f"| packet | zone | {' | '.join(servers)} |",
            f"| --- | --- |{' --- |' * len(servers)}",
        ]
        for row in study.rows:
            if row.dnssec == signed:
                factors = row.rivals | {"dnsd": row.factor}
                cells = [f"{factors[name]:.1f}" if name in factors else "" for name in servers]
                what = f"{row.packet}, {row.transport}"
                lines.append(f"| {what} | {row.zone} | {' | '.join(cells)} |")
    return "\n".join((*lines, ""))
