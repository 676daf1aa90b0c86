"""What came of many worlds: a value, a file, and a short table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

LAWS = {
    "safe": "after SAFE no cache holds it, and none gets it before an order or an edit",
    "floor": "after the second figure no cache with a floor holds it",
    "order": "an order that was acknowledged is obeyed until it is taken back",
    "account": "at each crash the ledger on disk bounds all that caches hold",
    "quorum": "no agreed state changes without the checks of enough nodes",
    "heal": "when all faults have ended, every node heals",
}
"""The laws, by the word that a failure begins with."""


class Failure(msgspec.Struct, frozen=True):
    """A world that breaks a law, and the command that plays it again."""

    seed: int
    says: str
    again: str


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """Worlds from ``first`` on; ``wall`` is how many seconds they took here."""

    command: str
    machine: dict[str, str]
    first: int
    worlds: int
    wall: float
    seconds: float
    events: int
    calls: int
    answers: int
    verdicts: int
    safe: int
    failures: list[Failure]


def table(study: Study) -> str:
    """Return the study as a table in Markdown."""
    rows = {
        "seeds": f"{study.first} to {study.first + study.worlds - 1}",
        "worlds": f"{study.worlds}",
        "time in them": f"{study.seconds / 3600:.1f} hours",
        "faults, orders and edits": f"{study.events}",
        "callbacks of processes": f"{study.calls}",
        "callbacks a second": f"{study.calls / study.wall:.0f}",
        "answers to caches": f"{study.answers}",
        "verdicts": f"{study.verdicts}, {study.safe} of them SAFE",
        "took": f"{study.wall:.0f} s",
    }
    lines = ["| | |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in rows.items())]
    lines += ["", "| law | worlds that break it |", "| --- | --- |"]
    for law, sentence in LAWS.items():
        count = sum(one.says.startswith(f"{law}:") for one in study.failures)
        lines.append(f"| {sentence} | {count} |")
    lines += ["", *(f"{one.says}\n    {one.again}" for one in study.failures)]
    return "\n".join(lines).rstrip() + "\n"


def save(study: Study, path: Path) -> None:
    """Write it as JSON, and its table beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(study)) + b"\n")
    path.with_suffix(".md").write_text(table(study))
