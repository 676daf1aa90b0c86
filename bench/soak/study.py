"""What a soak found, as data, and its report: all figures come from the rows. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.study.figures import Figure
from bench.study.results import Row, Study
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.study.text import Part

TITLE = "A node through bad luck"
MIB = 1 << 20
GROWTH = 0.10
GROWTH_OCTETS = 2 * MIB
"""A process has grown when its memory is more than both above what it was when it was warm."""


class Spell(Row, frozen=True):
    """One trouble, once: ``round`` from 1, ``begin`` in seconds from the beginning.

    ``converged`` is how many seconds after its end the last change was served, None for never.
    ``worst`` is the longest time after a blow at which a lost query was asked.
    """

    round: int
    trouble: str
    begin: float
    seconds: float
    sent: int
    lost: int
    wrong: int
    unexplained: int
    converged: float | None
    worst: float


class Gauge(Row, frozen=True):
    """What one process held at the end of a round: PSS in octets, open descriptors."""

    round: int
    role: str
    pid: int
    memory: int
    descriptors: int


class Soak(Study, frozen=True, kw_only=True):
    """A whole soak. ``words`` say what each trouble is, and why queries may be lost in it."""

    words: dict[str, tuple[str, str]]
    spells: list[Spell]
    gauges: list[Gauge]


def figures(soak: Soak) -> list[Figure]:
    """Return what was lost, of all that was asked, and what nothing explains."""
    lost = sum(spell.lost for spell in soak.spells)
    unexplained = sum(spell.unexplained + spell.wrong for spell in soak.spells)
    asked = max(1, sum(spell.sent for spell in soak.spells))
    return [
        Figure("lost", "% of all queries", [100 * lost / asked]),
        Figure("lost without a reason, or wrong", "queries", [unexplained]),
    ]


def faults(soak: Soak) -> list[str]:
    """Return what should not have happened, a sentence each; none when all is well."""
    found = []
    for spell in soak.spells:
        where = f"round {spell.round}, {spell.trouble}"
        if spell.unexplained:
            found.append(f"{where}: {spell.unexplained} queries lost without a reason")
        if spell.wrong:
            found.append(f"{where}: {spell.wrong} wrong answers")
        if spell.converged is None:
            found.append(f"{where}: the last change of the zone is not served")
    return [*found, *map(_grown, growths(soak))]


def growths(soak: Soak) -> list[tuple[Gauge, Gauge]]:
    """Return the processes that have grown, as they were when warm and at the end of their life.

    A process is warm at the end of the first round after the one it was started in.
    """
    found = []
    for life in lives(soak.gauges):
        warm, last = life[min(1, len(life) - 1)], life[-1]
        more = last.memory - warm.memory
        if more > max(GROWTH * warm.memory, GROWTH_OCTETS) or last.descriptors > warm.descriptors:
            found.append((warm, last))
    return found


def lives(gauges: Sequence[Gauge]) -> list[list[Gauge]]:
    """Return the gauges of each process that was there for two rounds or more."""
    found: dict[tuple[int, str, int], list[Gauge]] = {}
    for gauge in gauges:
        found.setdefault((gauge.repeat, gauge.role, gauge.pid), []).append(gauge)
    return [life for life in found.values() if len(life) > 1]


def _grown(pair: tuple[Gauge, Gauge]) -> str:
    warm, last = pair
    return (
        f"{warm.role} has grown from {warm.memory / MIB:.1f} MiB and {warm.descriptors}"
        f" descriptors (round {warm.round}) to {last.memory / MIB:.1f} MiB and"
        f" {last.descriptors} (round {last.round})"
    )


def parts(soak: Soak) -> list[Part]:
    """Return the sections of the report."""
    wrong = faults(soak)
    verdict = "\n".join(f"- {each}" for each in wrong) if wrong else "Nothing unexplained."
    return [verdict, losses(soak), sizes(soak)]


def losses(soak: Soak) -> Table:
    """Return what was lost in each kind of trouble, over all rounds."""
    rows = []
    for name, (what, why) in soak.words.items():
        spells = [spell for spell in soak.spells if spell.trouble == name]
        if not spells:
            continue
        late = [spell.converged for spell in spells]
        rows.append(
            [
                f"{name}: {what}",
                f"{sum(spell.seconds for spell in spells):.0f}",
                f"{sum(spell.sent for spell in spells):,}",
                f"{sum(spell.lost for spell in spells):,}",
                f"{sum(spell.wrong for spell in spells):,}",
                f"{sum(spell.unexplained for spell in spells):,}",
                "never" if None in late else f"{max(each or 0.0 for each in late):.1f}",
                why,
            ]
        )
    head = ["trouble", "s", "queries", "lost", "wrong", "unexplained", "served after, s", "losses"]
    return Table("What was lost", head, rows)


def sizes(soak: Soak) -> Table:
    """Return what each process that lived long held when it was warm and at the end."""
    rows = []
    for life in lives(soak.gauges):
        warm, last = life[min(1, len(life) - 1)], life[-1]
        rows.append(
            [
                f"{warm.role} (pid {warm.pid})",
                f"{warm.round}–{last.round}",
                f"{warm.memory / MIB:.1f}",
                f"{last.memory / MIB:.1f}",
                str(warm.descriptors),
                str(last.descriptors),
            ]
        )
    head = ["process", "rounds", "MiB (PSS), warm", "at the end", "descriptors, warm", "at the end"]
    return Table("What the processes held", head, rows)
