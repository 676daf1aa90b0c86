"""``python -m bench abuse``: attacks on real servers. Needs root; loopback and namespaces only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.abuse import picture, study
from bench.abuse.attacks import ATTACKS
from bench.abuse.run import cells
from bench.abuse.servers import SERVERS
from bench.peers import base
from bench.study.kind import Kind
from bench.study.parameters import parameter

if TYPE_CHECKING:
    from bench.study.work import Work

NAMES = tuple(attack.name for attack in ATTACKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Which attacks on which servers, for how long each."""

    seconds: float = parameter(2.0, "For each attack.", unit="s", least=0.2, most=60, short=0.5)
    attacks: tuple[str, ...] = parameter(NAMES, "Which.", choices=NAMES, option="attack")
    servers: tuple[str, ...] = parameter(
        tuple(SERVERS), "On which.", choices=list(SERVERS), option="server"
    )


def measure(parameters: Parameters, work: Work) -> study.Abuse:
    """Attack dnsd, NSD, Knot DNS and BIND, and count what honest clients lose meanwhile."""
    versions, missing = base.versions(SERVERS[name][0] for name in parameters.servers)
    attacks = [attack for attack in ATTACKS if attack.name in parameters.attacks]
    found = list(cells(attacks, list(versions), parameters.seconds, work.directory, work.steps))
    return study.Abuse(
        kind=KIND.name,
        about=work.about(versions, problems=[*missing.values()]),
        words={attack.name: attack.what for attack in attacks},
        cells=found,
    )


KIND = Kind(
    name="abuse",
    type=study.Abuse,
    title=study.TITLE,
    rows=lambda found: found.cells,
    parts=study.parts,
    picture=picture.draw,
    parameters=Parameters,
    measure=measure,
    figures=study.figures,
)
