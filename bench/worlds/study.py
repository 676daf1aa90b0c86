"""What came of many worlds, as data, and its report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.study import results
from bench.study.figures import Figure
from bench.tables import Table

if TYPE_CHECKING:
    from bench.study.text import Part

TITLE = "Is SAFE ever false?"
LAWS = {
    "safe": "after SAFE no cache holds it, and none gets it before an order or an edit",
    "floor": "after the second figure no cache with a floor holds it",
    "name": "after SAFE no cache has another answer to the name than the present ones",
    "lost": "nothing is SAFE by a node that has lost its orders, and none misses what it has",
    "order": "an order that was acknowledged is obeyed until it is taken back",
    "account": "at each crash the ledger on disk bounds all that caches hold",
    "quorum": "no agreed state changes without the checks of enough nodes",
    "heal": "when all faults have ended, every node heals",
}
"""The laws, by the word that a failure begins with."""


class Failure(results.Row, frozen=True):
    """A world that breaks a law, and the command that plays it again."""

    seed: int
    says: str
    again: str


class Worlds(results.Study, frozen=True, kw_only=True):
    """Worlds from ``first`` on; ``wall`` is how many seconds they took here."""

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


def parts(study: Worlds) -> list[Part]:
    """Return the sections of the report."""
    rows = [
        ["seeds", f"{study.first} to {study.first + study.worlds - 1}"],
        ["worlds", f"{study.worlds}"],
        ["time in them", f"{study.seconds / 3600:.1f} hours"],
        ["faults, orders and edits", f"{study.events}"],
        ["callbacks of processes", f"{study.calls}"],
        ["callbacks a second", f"{study.calls / study.wall:.0f}"],
        ["answers to caches", f"{study.answers}"],
        ["verdicts", f"{study.verdicts}, {study.safe} of them SAFE"],
        ["took", f"{study.wall:.0f} s"],
    ]
    broken = [
        [sentence, str(sum(one.says.startswith(f"{law}:") for one in study.failures))]
        for law, sentence in LAWS.items()
    ]
    failures = [f"{one.says}\n    {one.again}" for one in study.failures]
    tables = (
        Table("Worlds", ["what", "how much"], rows),
        Table("Laws", ["law", "broken by"], broken),
    )
    return [*tables, *failures]


def figures(study: Worlds) -> list[Figure]:
    """Return how many worlds break a law."""
    return [Figure("worlds that break a law", "worlds", [len(study.failures)])]


def faults(study: Worlds) -> list[str]:
    """Return what is wrong."""
    count = len(study.failures)
    return [f"{count} of {study.worlds} worlds break a law"] if count else []
