"""``python -m bench promise``: what a failure is felt for, beside what was promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.promise import study
from bench.promise.machines import CLOSED, DEAD, ILL
from bench.promise.run import play
from bench.promise.site import Site
from bench.study.kind import Kind
from bench.study.parameters import parameter

if TYPE_CHECKING:
    from bench.study.work import Work

WAYS = (DEAD, CLOSED, ILL)
CHECKS = ("distinct", "shared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How many names lead to the machines, how they die, and how often."""

    names: int = parameter(40, "Names that lead to both machines.", least=1, most=10_000, short=3)
    kills: int = parameter(100, "Kills for each row.", least=1, most=100_000, short=1)
    checks: tuple[str, ...] = parameter(CHECKS, "Of their own, or shared.", choices=CHECKS)
    ways: tuple[str, ...] = parameter(WAYS, "How machines die.", choices=WAYS, option="way")
    per_address: int | None = parameter(
        None, "[failover] max_checks_per_address.", type=int, least=1
    )
    port: int = parameter(5390, "Of dnsd; the next is for HTTP.", least=1, most=65_534)


def measure(parameters: Parameters, work: Work) -> study.Promise:
    """Kill machines before a real dnsd, and measure for how long each name leads to them.

    Names have checks of their own, or share one for each machine. A kill takes some 15 s. The exit
    status is 1 when one was felt for longer than dnsd promised.
    """
    rows = []
    ports = (parameters.port, parameters.port + 1)
    for number, which in enumerate(parameters.checks):
        addresses = (f"127.39.{number}.1", f"127.39.{number}.2")
        shared = which == "shared"
        site = Site(parameters.names, shared, addresses, *ports, per_address=parameters.per_address)
        place = work.directory / which
        place.mkdir()
        work.steps.say(f"{which} checks")
        rows += play(site, parameters.ways, parameters.kills, place, work.steps.say)
    return study.Promise(kind=KIND.name, about=work.about({}), rows=rows)


KIND = Kind(
    name="promise",
    type=study.Promise,
    title=study.TITLE,
    rows=lambda found: found.rows,
    parts=study.parts,
    parameters=Parameters,
    measure=measure,
    figures=study.figures,
    faults=study.faults,
)
