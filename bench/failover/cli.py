"""``python -m bench failover``: what users lose, by how they are moved away from what fails."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from bench.results import DIRECTORY
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.progress import steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.failover.results import Carried, FailoverStudy
    from bench.failover.sweep import Sweep
    from bench.study.progress import Steps
    from bench.study.results import About

PRIORITY = -10
"""Users and servers are machines of their own in truth, which nothing else here can starve."""
SWEEPS = ("full", "short", "smoke")
VERSIONS = {
    "dnsd": (sys.executable, "-c", "from dnsd.cli import main; main()", "version"),
    "gdnsd": ("gdnsd", "-h"),
    "NSD": ("nsd", "-v"),
    "HAProxy": ("haproxy", "-v"),
    "nginx": ("nginx", "-v"),
    "BIRD": ("bird", "--version"),
    "Unbound": ("unbound", "-V"),
}


@click.command()
@click.option(
    "--sweep",
    "which",
    type=click.Choice(SWEEPS),
    default="full",
    show_default=True,
    help="full: about 20 minutes; short: less than one; smoke: that it works at all.",
)
@click.option("--short", "which", flag_value="short", help="The same as --sweep short.")
@click.option("--stack", "stacks", multiple=True, help="Only stacks whose names begin so.")
@click.option("--story", "stories", multiple=True, help="Only these: kill, hang, flap, ...")
@click.option("--parallel", default=12, show_default=True, help="Cells at once.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def failover(
    which: str,
    stacks: tuple[str, ...],
    stories: tuple[str, ...],
    parallel: int,
    output: Path | None,
) -> None:
    """What users lose when a service or a site dies, second by second (root).

    A static zone edited by a script, gdnsd, dnsd, a proxy, anycast: real servers, real caching
    resolvers, users that ask for a name and then for the service at the address they got.
    """
    needed()
    if os.geteuid() != 0:
        raise StudyError("the study makes network namespaces, which needs root: try sudo")
    from bench.failover import fleet, sweep
    from bench.failover.kind import KIND
    from bench.failover.results import FailoverStudy

    for number in (signal.SIGTERM, signal.SIGHUP):
        # As an exception it passes all that cleans up.
        signal.signal(number, lambda found, _: sys.exit(128 + found))
    chosen = sweep.choose(sweep.SWEEPS[which](), stacks, stories)
    if not chosen.orders:
        raise StudyError("no cell has such a stack and such a story")
    with steps() as told, _preferred():
        found = fleet.Fleet(parallel, told).run(chosen.orders)
        carried = _carried(chosen, found.problems, told)
    if not found.cells:
        raise StudyError("nothing was measured: " + "; ".join(found.problems))
    study = FailoverStudy(
        kind=KIND.name,
        about=_about(chosen, found.problems),
        cells=found.cells,
        carried=tuple(carried),
    )
    _show(study)
    path = output or DIRECTORY / time.strftime("failover-%Y%m%dT%H%M%S.json")
    tell(KIND.write(study, path))
    if found.problems:
        raise SystemExit(1)


def _carried(chosen: Sweep, problems: list[str], told: Steps) -> list[Carried]:
    """Measure what carrying costs, alone on the machine, if it is to be; add to ``problems``."""
    from bench.failover import carrying
    from bench.lab.errors import LabError
    from bench.peers.base import Unavailable
    from bench.run import LoadError

    if chosen.carrying is None:
        return []
    told.begin("CPU time for packets")
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


def _about(chosen: Sweep, problems: list[str]) -> About:
    from bench.failover import users
    from bench.failover.ground import RESOLVERS
    from bench.study.results import about, version

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
    if chosen.carrying is not None:
        each = chosen.carrying
        settings["carrying"] = (
            f"{each.rounds} rounds, {each.seconds:g} s with {each.rate:,} questions a second each"
        )
        there = Path("/proc/net/ip_vs").exists()
        settings["IPVS"] = (
            "IPVS is in this kernel, but not among what is measured."
            if there
            else "IPVS is not in this kernel, so it could not be measured."
        )
    versions = {name: version(*command) for name, command in VERSIONS.items()}
    return about(versions, settings, problems=problems)


def _show(study: FailoverStudy) -> None:
    from bench.failover import tables
    from bench.study import text
    from bench.tables import Table

    console = Console(width=150, highlight=False)
    for part in tables.parts(study):
        if isinstance(part, Table):
            console.print(text.grid(part))
