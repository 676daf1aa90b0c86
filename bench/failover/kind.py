"""``python -m bench failover``: what users lose, by how they are moved away from what fails."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.failover import carrying, fleet, picture, results, sweep, tables, users
from bench.failover.ground import RESOLVERS
from bench.failover.stories import STORIES
from bench.lab.errors import LabError
from bench.peers.base import Unavailable
from bench.run import LoadError
from bench.study.errors import StudyError
from bench.study.kind import Kind
from bench.study.parameters import parameter
from bench.study.results import version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.study.work import Work

PRIORITY = -10
"""Users and servers are machines of their own in truth, which nothing else here can starve."""
VERSIONS = {
    "dnsd": (sys.executable, "-c", "from dnsd.cli import main; main()", "version"),
    "gdnsd": ("gdnsd", "-h"),
    "NSD": ("nsd", "-v"),
    "HAProxy": ("haproxy", "-v"),
    "nginx": ("nginx", "-v"),
    "BIRD": ("bird", "--version"),
    "Unbound": ("unbound", "-V"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Which ways to move users, and what happens to them."""

    sweep: str = parameter(
        "full",
        "full: about 20 minutes; short: less than one; smoke: that it works at all.",
        choices=list(sweep.SWEEPS),
        short="short",
    )
    stacks: tuple[str, ...] = parameter(
        (), "Only stacks whose names begin with this.", option="stack"
    )
    stories: tuple[str, ...] = parameter(
        (), "Only this story.", choices=list(STORIES), option="story"
    )
    parallel: int = parameter(12, "Cells at once.", least=1, most=200)


def measure(parameters: Parameters, work: Work) -> results.FailoverStudy:
    """What users lose when a service or a site dies, second by second (root).

    A static zone edited by a script, gdnsd, dnsd, a proxy, anycast: real servers, real caching
    resolvers, users that ask for a name and then for the service at the address they got.
    """
    if os.geteuid() != 0:
        raise StudyError("the study makes network namespaces, which needs root: try sudo")
    all_cells = sweep.SWEEPS[parameters.sweep]()
    chosen = sweep.choose(all_cells, parameters.stacks, parameters.stories)
    if not chosen.orders:
        raise StudyError("no cell has such a stack and such a story")
    with _preferred():
        found = fleet.Fleet(parameters.parallel, work.steps).run(chosen.orders)
        carried = _carried(chosen, found.problems, work)
    if not found.cells:
        raise StudyError("nothing was measured: " + "; ".join(found.problems))
    versions = {name: version(*command) for name, command in VERSIONS.items()}
    return results.FailoverStudy(
        kind=KIND.name,
        about=work.about(versions, _settings(chosen), found.problems),
        cells=found.cells,
        carried=tuple(carried),
    )


def _carried(chosen: sweep.Sweep, problems: list[str], work: Work) -> list[results.Carried]:
    """Measure what carrying costs, alone on the machine, if it is to be; add to ``problems``."""
    if chosen.carrying is None:
        return []
    work.steps.begin("CPU time for packets")
    try:
        return carrying.measure(chosen.carrying)
    except (LabError, LoadError, Unavailable, OSError) as error:
        problems.append(f"CPU time for packets: {error}")
        return []


@contextmanager
def _preferred() -> Iterator[None]:
    """Run the body, and all that it starts, with a better priority."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


def _settings(chosen: sweep.Sweep) -> dict[str, str]:
    checks, pace = chosen.checks, chosen.pace
    settings = {
        "checks": f"every {checks.interval:g} s, {checks.timeout:g} s for an answer,"
        f" {checks.down} failures, {checks.up} successes",
        "interval, s": f"{checks.interval:g}",
        "interval after a failure (dnsd, HAProxy), s": f"{checks.fast:g}",
        "users a second": f"{chosen.rate:g}",
        "resolvers": str(RESOLVERS),
        "HTTP timeout, s": f"{users.HTTP_TIMEOUT_S:g}",
        "DNS timeout, s": f"{users.DNS_TRIES} × {users.DNS_TIMEOUT_S:g}",
        "linger, s": f"{pace.linger:g}",
        "flaps": f"{pace.flaps} × {pace.flap:g} s down and up",
    }
    return settings | (_carrying(chosen.carrying) if chosen.carrying else {})


def _carrying(pace: carrying.Pace) -> dict[str, str]:
    there = Path("/proc/net/ip_vs").exists()
    return {
        "carrying": f"{pace.rounds} rounds, {pace.seconds:g} s with {pace.rate:,} questions a"
        " second each",
        "IPVS": "IPVS is in this kernel, but not among what is measured."
        if there
        else "IPVS is not in this kernel, so it could not be measured.",
    }


KIND = Kind(
    name="failover",
    type=results.FailoverStudy,
    title=tables.TITLE,
    rows=results.rows,
    parts=tables.parts,
    picture=picture.draw,
    parameters=Parameters,
    measure=measure,
    figures=results.figures,
    faults=lambda study: study.about.problems,
)
