"""``python -m bench overload``: servers that are asked three times what they can answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.overload import picture, study
from bench.overload.run import Ground, Plan
from bench.peers import PEERS, base
from bench.run import LoadError
from bench.server import ServerError
from bench.study.errors import StudyError
from bench.study.kind import Kind
from bench.study.parameters import parameter

if TYPE_CHECKING:
    from bench.study.work import Work

SERVERS = ("dnsd", "nsd", "knot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How large the zone, how long and how heavy the load, on which servers."""

    names: int = parameter(100_000, "Names in the zone.", least=1, most=10_000_000, short=1000)
    seconds: float = parameter(4.0, "For each load.", unit="s", least=0.5, most=60, short=1.0)
    factor: float = parameter(3.0, "The overload, in capacities.", least=1, most=20)
    others: int = parameter(
        4,
        "Programs that want all of the server's core: its capacity is less then.",
        least=0,
        most=16,
    )
    servers: tuple[str, ...] = parameter(SERVERS, "Which.", choices=SERVERS, option="server")


def measure(parameters: Parameters, work: Work) -> study.Overload:
    """Ask each server a multiple of what it can answer; count what it answers nevertheless.

    It needs two cores: one for the server, one for the load generator. The exit status is 1 when
    dnsd answers less than 80 % of its capacity, or loses a check or a process.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StudyError("overload needs two cores: one for the server, one for the load generator")
    load = (parameters.names, parameters.seconds, parameters.factor, parameters.others)
    versions, missing = base.versions(PEERS[name] for name in parameters.servers)
    rows = []
    try:
        ground = Ground(Plan(*load, *cores[:2]), work.directory)
        for name in versions:
            work.steps.begin(name)
            rows.append(ground.measure(PEERS[name], work.steps.say))
    except (LoadError, ServerError) as error:
        raise StudyError(str(error)) from None
    problems = [f"{name}: {why}" for name, why in missing.items()]
    about = work.about(versions, problems=problems)
    return study.Overload(kind=KIND.name, about=about, factor=parameters.factor, rows=rows)


KIND = Kind(
    name="overload",
    type=study.Overload,
    title=study.TITLE,
    rows=lambda found: found.rows,
    parts=study.parts,
    picture=picture.draw,
    parameters=Parameters,
    measure=measure,
    figures=study.figures,
    faults=study.faults,
)
