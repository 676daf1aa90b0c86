"""``python -m bench soak``: one trouble after the other for many minutes. Needs root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers.dnsd import PEER
from bench.soak import picture, study
from bench.soak.run import Plan, soak
from bench.soak.troubles import TROUBLES
from bench.study.kind import Kind
from bench.study.parameters import parameter

if TYPE_CHECKING:
    from bench.study.work import Work

NAMES = tuple(trouble.name for trouble in TROUBLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How many rounds of which troubles."""

    rounds: int = parameter(8, "Of all troubles, with the same node.", least=1, most=1000, short=1)
    seconds: float = parameter(12.0, "For each trouble.", unit="s", least=1, most=3600, short=4.0)
    rate: float = parameter(300.0, "Of the client.", unit="queries/s", least=1, most=10_000)
    troubles: tuple[str, ...] = parameter(NAMES, "Which.", choices=NAMES, option="trouble")
    seed: int = parameter(1, "When blows fall.")


def measure(parameters: Parameters, work: Work) -> study.Soak:
    """Have one trouble after the other befall a real node, and count what a client loses.

    The exit status is 1 when a query was lost without a reason, an answer was wrong, a change
    was not served, or a process has grown.
    """
    troubles = [each for each in TROUBLES if each.name in parameters.troubles]
    plan = Plan(troubles, parameters.rounds, parameters.seconds, parameters.rate, parameters.seed)
    spells, gauges = soak(plan, work.directory, work.steps)
    return study.Soak(
        kind=KIND.name,
        about=work.about({"dnsd": PEER.version()}),
        words={each.name: (each.what, each.why) for each in troubles},
        spells=spells,
        gauges=gauges,
    )


KIND = Kind(
    name="soak",
    type=study.Soak,
    title=study.TITLE,
    rows=lambda found: found.spells,
    parts=study.parts,
    picture=picture.draw,
    parameters=Parameters,
    measure=measure,
    figures=study.figures,
    faults=study.faults,
)
