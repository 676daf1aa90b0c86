"""``python -m bench dig``: the check that an operator runs against any server."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import dns.exception
import dns.name
from dns.rdatatype import A
from rich.console import Console

from bench.dig import check
from bench.dig.asking import PROGRAMS, Bounds, Target
from bench.dig.stand import stand
from bench.dig.study import Check, parts
from bench.queries import zone
from bench.queries.draw import Mix, Query, draw
from bench.queries.file import parse
from bench.results import DIRECTORY
from bench.study import progress, results
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.signals import ending
from bench.study.text import grid
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.queries.zone import AskedZone

SHORT_S = 8.0
SHORT_QUERIES = 200


def endpoint(text: str) -> tuple[str, int]:
    """Split ADDR, ADDR:PORT or [ADDR]:PORT; ValueError for anything else."""
    address, port = text, "53"
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not address or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is no address with a port")
    return address, int(port)


def _server(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    try:
        return None if value is None else endpoint(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}: write 192.0.2.53 or [2001:db8::53]:5300") from error


def _names(
    _ctx: click.Context, _param: click.Parameter, values: Iterable[str]
) -> frozenset[dns.name.Name]:
    try:
        return frozenset(dns.name.from_text(value) for value in values)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise click.BadParameter(f"that is no domain name: {error}") from error


@click.command()
@click.option(
    "--server",
    callback=_server,
    metavar="ADDR[:PORT]",
    help="Whom to ask; if it is left out: a dnsd of its own, through an Unbound.",
)
@click.option("--queries", "path", type=click.Path(exists=True, path_type=Path), help="Query file.")
@click.option("--zone", "zone_file", type=click.Path(exists=True, path_type=Path), help="Is right.")
@click.option("--origin", help="The zone's name, if its file is not named after it.")
@click.option("--against", callback=_server, metavar="ADDR[:PORT]", help="Another one is right.")
@click.option("--pool", "pools", multiple=True, callback=_names, help="May be answered in part.")
@click.option("--watch", multiple=True, help="Name, or NAME/TYPE, whose TTL is watched.")
@click.option("--interval", type=click.FloatRange(0.1), default=1.0, show_default=True)
@click.option(
    "--transport",
    "transports",
    type=click.Choice(["udp", "tcp"]),
    multiple=True,
    default=["udp", "tcp"],
    show_default=True,
)
@click.option("--clients", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=500.0,
    show_default=True,
    help="Queries a second of all clients together; 0: as fast as they are answered.",
)
@click.option("--seconds", type=click.FloatRange(1), default=60.0, show_default=True)
@click.option("--count", type=click.IntRange(1), default=5000, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Which queries, without --queries.")
@click.option("--timeout", type=click.IntRange(1), default=2, show_default=True)
@click.option("--tries", type=click.IntRange(1), default=1, show_default=True)
@click.option("--program", type=click.Choice(PROGRAMS), default="dig", show_default=True)
@click.option("--short", is_flag=True, help=f"At most {SHORT_QUERIES} queries and {SHORT_S:g} s.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def dig(
    server: tuple[str, int] | None,
    path: Path | None,
    zone_file: Path | None,
    origin: str | None,
    against: tuple[str, int] | None,
    pools: frozenset[dns.name.Name],
    watch: tuple[str, ...],
    interval: float,
    transports: tuple[str, ...],
    clients: int,
    rate: float,
    seconds: float,
    count: int,
    seed: int,
    timeout: int,
    tries: int,
    program: str,
    short: bool,
    output: Path | None,
) -> None:
    """Check any server with dig: latency, TTLs over time, wrong and missing answers.

    Nothing of ours runs on the server. What is right comes from a zone file (--zone) or from
    another server (--against). The queries come from --queries, else they are drawn from the
    zone. The exit status is 1 when an answer was wrong or missing.
    """
    needed()
    from bench.dig.kind import KIND

    if short:
        count, seconds = min(count, SHORT_QUERIES), min(seconds, SHORT_S)
    with ending(), contextlib.ExitStack() as stack, progress.steps() as steps:
        versions = {program: results.version(program, "-v" if program == "dig" else "--version")}
        if server is None:
            own = stack.enter_context(stand())
            server, zone_file, origin = ("127.0.0.1", own.port), own.zone, None
            watch, versions = watch or own.watched, versions | own.versions
            title = "Unbound in front of dnsd"
        else:
            title = str(Target(*server))
        asked = zone.read(zone_file, origin) if zone_file else None
        plan = check.Plan(
            program=program,
            target=Target(*server, timeout=timeout, tries=tries),
            transports=tuple(each.upper() for each in transports),
            queries=_queries(path, asked, count, seed),
            bounds=Bounds(clients, rate, seconds),
            watched=[_watched(text) for text in watch],
            interval=interval,
            zone=asked,
            other=Target(*against, timeout=timeout, tries=tries) if against else None,
            pools=pools,
        )
        if not plan.queries and not plan.watched:
            raise StudyError("there is nothing to ask: give --queries, --zone or --watch")
        found = check.run(plan, steps)
    settings = {"clients": str(clients), "rate": f"{rate:g}/s", "seconds": f"{seconds:g}"}
    settings |= {"timeout": f"{timeout} s", "tries": str(tries), "interval": f"{interval:g} s"}
    study = Check(
        kind=KIND.name,
        about=results.about(versions, settings, {"queries": seed}),
        server=title,
        compared=_compared(plan),
        answers=found.answers,
        faults=found.faults,
        samples=found.samples,
        origins=_origins(plan.watched, asked),
    )
    _show(study)
    tell(KIND.write(study, output or DIRECTORY / time.strftime("dig-%Y%m%dT%H%M%S.json")))
    if study.bad:
        raise SystemExit(1)


def _queries(path: Path | None, asked: AskedZone | None, count: int, seed: int) -> Sequence[Query]:
    if path is not None:
        return parse(path.read_text(encoding="utf-8", errors="replace"), str(path))[:count]
    if asked is None:
        return []
    shares = Mix(nxdomain=0.1, wildcard=0.1 if asked.wilds else 0.0, do=0.2)
    return list(draw(asked, shares, count, seed))


def _watched(text: str) -> Query:
    """Return the question of NAME or NAME/TYPE."""
    name, _, rtype = text.partition("/")
    query = parse(f"{name} {rtype or A.name}", "--watch")[0]
    return query._replace(do=False)


def _compared(plan: check.Plan) -> str:
    if plan.zone is not None:
        return f"the zone file of {plan.zone.apex}"
    return str(plan.other) if plan.other else ""


def _origins(watched: Sequence[Query], asked: AskedZone | None) -> dict[str, int]:
    """Return the zone's own TTLs of the watched names."""
    found = {}
    for query in watched if asked else ():
        assert asked is not None
        if query.name.is_subdomain(asked.apex):
            for rrset in asked.answer(query.name, query.rtype).answer:
                if rrset.rtype == query.rtype:
                    found[f"{query.name} {query.rtype.name}"] = rrset.ttl
    return found


def _show(study: Check) -> None:
    console = Console(width=140)
    for part in parts(study):
        console.print(grid(part) if isinstance(part, Table) else part, highlight=False)
