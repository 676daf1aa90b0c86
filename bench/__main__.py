"""The command line: ``python -m bench peers``, ``show FILE``, ``lab``, and the studies."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from bench import report, results, rounds, zonekinds
from bench.demand.cli import query_log
from bench.lab.cli import lab
from bench.load import Load
from bench.peers import PEERS
from bench.queries.cli import query_file
from bench.stand import Part, Plan
from bench.study.command import Deferred, schema
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.results import kind_of
from bench.transfers.cli import transfers
from bench.zonegen import Mix, ZonePlan

if TYPE_CHECKING:
    from bench.study.kind import Kind

STUDIES = {
    "abuse": ("bench.abuse.kind", "Attack servers, and count what honest clients lose."),
    "dearest": ("bench.dearest.kind", "Search for the packet that costs dnsd the most."),
    "dig": ("bench.dig.kind", "Check any server: answers, TTLs over time, times, largest rate."),
    "failover": ("bench.failover.kind", "What users lose when a service or a site dies."),
    "overload": ("bench.overload.kind", "Ask servers more than they can answer."),
    "plan": ("bench.plan.kind", "Which TTL keeps a budget of queries and recovers in time?"),
    "promise": ("bench.promise.kind", "What a failure is felt for, beside what was promised."),
    "soak": ("bench.soak.kind", "One trouble after the other for a real node."),
    "retry-storm": ("bench.storm.kind", "A server fails for a while, and caches retry."),
    "ttl": ("bench.ttl.kind", "Measure queries at a server against the TTL."),
    "worlds": ("bench.worlds.kind", "Worlds of failover: is SAFE ever false?"),
}
"""The studies: the name of the command and in the files, the module with its KIND, what it does."""
OTHERS = {
    "balance": "bench.balance.kind",
}
"""Kinds whose commands are their own."""
KINDS = {name: module for name, (module, _) in STUDIES.items()} | OTHERS

console = Console(stderr=False, width=120)


@click.group(help=__doc__)
def main() -> None:
    """Group of all measurements."""


@main.command()
@click.option("--names", default=100_000, show_default=True, help="Host names in the zone.")
@click.option("--signed-names", default=20_000, show_default=True, help="The same, signed.")
@click.option("--large", default=1_000_000, show_default=True, help="Records to load.")
@click.option("--delegations", default=100_000, show_default=True, help="Of the registry.")
@click.option("--zone-file", "files", metavar="ORIGIN=FILE", multiple=True, help="A kind more.")
@click.option("--rounds", "count", default=3, show_default=True, help="Starts of each server.")
@click.option("--seconds", default=4.0, show_default=True, help="Length of one load.")
@click.option("--rate", default=0, help="Queries a second at most (0: as fast as answered).")
@click.option("--common-rate", default=20_000, show_default=True, help="For all latencies.")
@click.option("--queries", default=500_000, show_default=True, help="Different queries asked.")
@click.option("--edns/--plain", default=True, show_default=True, help="Queries with EDNS.")
@click.option(
    "--part",
    "parts",
    type=click.Choice([str(part) for part in Part]),
    multiple=True,
    default=[str(Part.UDP)],
    show_default=True,
)
@click.option("--all", "everything", is_flag=True, help="All parts.")
@click.option(
    "--mix",
    "mixes",
    type=click.Choice([str(mix) for mix in Mix]),
    multiple=True,
    default=[str(mix) for mix in Mix],
)
@click.option(
    "--peer", "names_", type=click.Choice(list(PEERS)), multiple=True, default=list(PEERS)
)
@click.option("--without", type=click.Choice(list(PEERS)), multiple=True, help="No such peer.")
@click.option("--reference", default="dnsd", show_default=True, help="What ratios refer to.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
def peers(
    names: int,
    signed_names: int,
    large: int,
    delegations: int,
    files: tuple[str, ...],
    count: int,
    seconds: float,
    rate: int,
    common_rate: int,
    queries: int,
    edns: bool,
    parts: tuple[str, ...],
    everything: bool,
    mixes: tuple[str, ...],
    names_: tuple[str, ...],
    without: tuple[str, ...],
    reference: str,
    output: Path | None,
) -> None:
    """Measure dnsd beside other servers, each alone on one core, over loopback."""
    server_core, load_core = _cores()
    plan = Plan(
        zone=ZonePlan(names),
        signed=ZonePlan(signed_names),
        large=ZonePlan.of_records(large),
        parts=list(Part) if everything else [Part(part) for part in parts],
        mixes=[Mix(mix) for mix in mixes],
        load=Load(seconds, rate, edns),
        rounds=count,
        queries=queries,
        rate=common_rate,
        server_core=server_core,
        load_core=load_core,
        delegations=delegations,
        files=_zone_files(files),
    )
    chosen = [PEERS[name] for name in names_ if name not in without]
    command = "python -m bench " + shlex.join(sys.argv[1:])
    found = rounds.run(
        plan, chosen, reference, command, say=lambda line: click.echo(line, err=True)
    )
    path = output or results.DIRECTORY / time.strftime("peers-%Y%m%dT%H%M%S.json")
    results.save(found, path)
    path.with_suffix(".md").write_text(report.markdown(found))
    report.show(found, console)
    click.echo(f"written to {path} and {path.with_suffix('.md').name}")
    if found.skipped or not found.samples:
        raise SystemExit(1)


def _zone_files(texts: tuple[str, ...]) -> dict[str, Path]:
    try:
        return zonekinds.read_files(texts)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--zone-file") from None


def _cores() -> tuple[int, int]:
    """Return the core for the server and the one for the load."""
    if shutil.which("dnsperf") is None:
        raise click.ClickException("dnsperf asks the queries and is not installed")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise click.ClickException("two cores are needed: one for the server, one for the load")
    return cores[0], cores[1]


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def show(path: Path) -> None:
    """Print the tables of an earlier run."""
    report.show(results.load(path), console)


@main.command(name="report")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def report_(paths: tuple[Path, ...]) -> None:
    """Print earlier runs as one report in Markdown: bench/RESULTS.md is made so."""
    click.echo(report.markdown(results.merge([results.load(path) for path in paths])), nl=False)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@sentences
def render(paths: tuple[Path, ...]) -> None:
    """Write report, CSV and pictures of earlier studies (JSON files) once more."""
    needed()
    for path in paths:
        tell([path, *_kind(kind_of(path)).again(path)])


@main.command(name="schema")
@click.argument("name", type=click.Choice(list(KINDS)))
@sentences
def schema_(name: str) -> None:
    """Print the JSON Schema of the files of a study."""
    needed()
    click.echo(schema(_kind(name)))


def _kind(name: str) -> Kind[Any]:
    if name not in KINDS:
        raise StudyError(f"a study {name} is not known: {', '.join(KINDS)} are")
    kind: Kind[Any] = import_module(KINDS[name]).KIND
    return kind


main.add_command(lab)
main.add_command(query_file)
main.add_command(query_log)
main.add_command(transfers)

for _name, (_module, _sentence) in STUDIES.items():
    main.add_command(Deferred(_name, _module, _sentence))

if __name__ == "__main__":
    main()
