"""``python -m bench dig``: the check that an operator runs against any server."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dns.exception
import dns.name
from dns.rdatatype import A

from bench.dig import check, picture, report, study
from bench.dig.asking import PROGRAMS, Bounds, Target
from bench.dig.load import Load
from bench.dig.ramp import Limits
from bench.dig.replay import replayed
from bench.dig.stand import stand
from bench.dig.ways import WAYS
from bench.queries import zone
from bench.queries.draw import Mix, Query, draw
from bench.queries.file import parse
from bench.study import results
from bench.study.errors import StudyError
from bench.study.kind import Kind
from bench.study.parameters import parameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.queries.zone import AskedZone
    from bench.study.work import Work

TRANSPORTS = tuple(each.lower() for each in WAYS)


def endpoint(text: str) -> tuple[str, int]:
    """Split ADDR, ADDR:PORT or [ADDR]:PORT; ValueError for anything else."""
    address, port = text, "53"
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not address or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("no address with a port: write 192.0.2.53 or [2001:db8::53]:5300")
    return address, int(port)


def _name(text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"no domain name: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Whom to ask what, how fast, and what is right."""

    server: tuple[str, int] | None = parameter(
        None, "ADDR[:PORT]; without it: a dnsd of its own, through an Unbound.", read=endpoint
    )
    queries: Path | None = parameter(None, "Query file.", type=Path)
    zone: Path | None = parameter(None, "Zone file, which is right.", type=Path)
    origin: str | None = parameter(None, "The zone's name, if its file is not named after it.")
    against: tuple[str, int] | None = parameter(
        None, "ADDR[:PORT] of another server, which is right.", read=endpoint
    )
    pools: tuple[dns.name.Name, ...] = parameter(
        (), "Name that may be answered in part.", read=_name, option="pool"
    )
    watch: tuple[str, ...] = parameter((), "Name, or NAME/TYPE, whose TTL is watched.")
    interval: float = parameter(1.0, "Between two looks at a TTL.", unit="s", least=0.1, most=3600)
    transports: tuple[str, ...] = parameter(
        TRANSPORTS, "Over which.", choices=TRANSPORTS, option="transport"
    )
    clients: int = parameter(4, "Programs, and sockets.", least=1, most=64)
    rate: float = parameter(500.0, "Of the open loop.", unit="queries/s", above=0, most=100_000)
    seconds: float = parameter(
        60.0, "A half for dig, a half for the open loop.", unit="s", least=1, most=86_400, short=8.0
    )
    count: int = parameter(5000, "Queries that are drawn.", least=1, most=10_000_000, short=200)
    seed: int = parameter(1, "Which queries, without --queries.")
    timeout: int = parameter(2, "For an answer.", unit="s", least=1, most=60)
    tries: int = parameter(1, "Of dig.", least=1, most=10)
    program: str = parameter("dig", "Whose answers are judged.", choices=PROGRAMS)
    replay: Path | None = parameter(None, "Capture whose queries have their own times.", type=Path)
    speed: float = parameter(1.0, "Times as fast as captured.", above=0, most=1000)
    ramp: bool = parameter(False, "Search for the largest rate with both limits kept.")
    p99: float = parameter(10.0, "Limit of the ramp.", unit="ms", above=0, most=60_000)
    loss: float = parameter(0.001, "Limit of the ramp, a share.", above=0, most=1)
    step: float = parameter(3.0, "Of the ramp.", unit="s", least=0.5, most=600, short=1.0)


def measure(parameters: Parameters, work: Work) -> study.Check:
    """Check any server: wrong and missing answers, TTLs over time, how long answers take.

    Nothing of ours runs on the server. dig asks for the answers that are judged, by a zone file
    (--zone) or by another server (--against). An open loop asks for the times: each query when
    it is due, whether others were answered or not. The queries come from --queries or --replay,
    else they are drawn from the zone. The exit status is 1 when an answer was wrong or missing.
    """
    program = parameters.program
    versions = {program: results.version(program, "-v" if program == "dig" else "--version")}
    with _server(parameters) as (server, zone_file, watch, more):
        asked = zone.read(zone_file, parameters.origin) if zone_file else None
        plan = _plan(parameters, server, asked, watch)
        found = check.run(plan, work.steps)
    own = parameters.server is None
    return study.Check(
        kind=KIND.name,
        about=work.about(versions | more),
        server="Unbound in front of dnsd" if own else str(plan.target),
        compared=_compared(plan),
        answers=found.answers,
        faults=found.faults,
        samples=found.samples,
        origins=_origins(plan.watched, asked),
        times=found.loaded.times,
        tails=found.loaded.tails,
        moments=found.loaded.moments,
        steps=found.loaded.steps,
        limit_ms=parameters.p99,
        limit_loss=parameters.loss,
    )


_Server = tuple[tuple[str, int], Path | None, tuple[str, ...], dict[str, str]]


@contextlib.contextmanager
def _server(parameters: Parameters) -> Iterator[_Server]:
    """Have a server: its address, its zone, what is watched there, and versions."""
    if parameters.server is not None:
        yield parameters.server, parameters.zone, parameters.watch, {}
        return
    with stand() as own:
        yield ("127.0.0.1", own.port), own.zone, parameters.watch or own.watched, own.versions


def _plan(
    parameters: Parameters,
    server: tuple[str, int],
    asked: AskedZone | None,
    watch: Sequence[str],
) -> check.Plan:
    dues, queries = _queries(parameters, asked)
    transports = tuple(each.upper() for each in parameters.transports)

    def target(where: tuple[str, int]) -> Target:
        return Target(*where, timeout=parameters.timeout, tries=parameters.tries)

    plan = check.Plan(
        program=parameters.program,
        target=target(server),
        transports=transports,
        queries=queries[: parameters.count],
        bounds=Bounds(parameters.clients, parameters.rate, parameters.seconds / 2),
        load=_load(parameters, transports, dues, queries) if queries else None,
        watched=[_watched(text) for text in watch],
        interval=parameters.interval,
        seconds=parameters.seconds,
        zone=asked,
        other=target(parameters.against) if parameters.against else None,
        pools=frozenset(parameters.pools),
    )
    if not plan.queries and not plan.watched:
        raise StudyError("there is nothing to ask: give --queries, --replay, --zone or --watch")
    return plan


def _load(
    parameters: Parameters,
    transports: Sequence[str],
    dues: list[float] | None,
    queries: Sequence[Query],
) -> Load:
    ways = tuple(way for transport in transports for way in WAYS[transport])
    return Load(
        queries=queries,
        ways=ways,
        rate=parameters.rate,
        seconds=parameters.seconds / 2 / len(ways),
        clients=parameters.clients,
        patience=parameters.timeout,
        dues=dues,
        limits=Limits(parameters.p99, parameters.loss) if parameters.ramp else None,
        step=parameters.step,
    )


def _queries(
    parameters: Parameters, asked: AskedZone | None
) -> tuple[list[float] | None, Sequence[Query]]:
    """Return when each query is due (None: at the rate), and the queries."""
    if parameters.replay is not None:
        return replayed(parameters.replay, parameters.speed, parameters.seconds / 2)
    if (path := parameters.queries) is not None:
        found = parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
        return None, found[: parameters.count]
    if asked is None:
        return None, []
    shares = Mix(nxdomain=0.1, wildcard=0.1 if asked.wilds else 0.0, do=0.2)
    return None, list(draw(asked, shares, parameters.count, parameters.seed))


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


KIND = Kind(
    name="dig",
    type=study.Check,
    title="What a server answers, seen from outside",
    rows=study.points,
    parts=report.parts,
    picture=picture.draw,
    parameters=Parameters,
    measure=measure,
    figures=study.figures,
    faults=study.faults,
)
