"""``python -m bench ttl``: what is measured, and the plan that is made of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.study.errors import StudyError
from bench.study.kind import Kind
from bench.study.parameters import parameter
from bench.ttl import TTLS, own, plot, real, report, results, study
from bench.ttl.demand import Population
from bench.ttl.groups import of_population, of_server, thin
from bench.ttl.logged import read
from bench.ttl.profiles import profiles
from bench.ttl.resolvers import RESOLVERS

if TYPE_CHECKING:
    from bench.study.work import Work
    from bench.ttl.asking import Address
    from bench.ttl.groups import Group
    from bench.ttl.profiles import Profile

KINDS = tuple(kind for kind in RESOLVERS if kind != "systemd-resolved")
"""To install systemd-resolved changes how a machine resolves names: only when it is asked for."""
PROFILES = ("plain", "diurnal", "prefetch", "stretched", "capped", "serve-stale")
_WEEK_S = 604_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Whom to ask, for what and how often, through which resolvers; and what is simulated."""

    server: str = parameter("", "The server to measure, ADDR or ADDR:PORT; else dnsd, started.")
    zone: str = parameter("", "Its zone.")
    demand: str = parameter("", "A log of what it is asked, as plan has it.")
    ttls: tuple[int, ...] = parameter(
        (),
        f"TTLs, else {', '.join(map(str, TTLS))}. With --server the way sets them, else they are"
        " the server's.",
        type=int,
        least=0,
        most=86_400,
        option="ttl",
    )
    resolvers: tuple[str, ...] = parameter(
        KINDS,
        "A kind, or ADDR or ADDR:PORT of one of yours (with --server).",
        option="resolver",
        short=("unbound", "pdns-recursor"),
    )
    habits: bool = parameter(True, "Try first what is documented of resolvers.")
    seconds: float = parameter(
        30.0, "With real resolvers; 0: without.", unit="s", least=0, most=3600, short=5.0
    )
    outage: float = parameter(
        20.0, "Of the server, after that.", unit="s", least=0, most=3600, short=3.0
    )
    real_rate: float = parameter(
        25.0, "Lookups of each resolver with each TTL, at most.", unit="/s", above=0, most=1e4
    )
    together: int = parameter(4, "Resolvers that are measured at a time.", least=1, most=16)
    trip: float = parameter(20.0, "Round trip to the server.", unit="ms", least=0, most=2000)
    caches: int = parameter(5000, "Caches that ask.", least=1, most=10_000_000, short=1000)
    names: int = parameter(40, "Names that they are asked for.", least=1, most=100_000, short=10)
    rate: float = parameter(
        50.0, "Lookups of all their users.", unit="/s", above=0, most=1e9, short=10.0
    )
    cache_skew: float = parameter(1.0, "Zipf over caches.", least=0, most=4)
    name_skew: float = parameter(1.0, "Zipf over names.", least=0, most=4)
    hours: float = parameter(4.0, "Simulated, where demand is steady.", above=0, short=0.5)
    day_hours: float = parameter(24.0, "Simulated, where it is not.", above=0)
    profiles: tuple[str, ...] = parameter(
        PROFILES, "Which caches.", choices=PROFILES, option="profile"
    )
    prefetch: float = parameter(0.1, "Last share of a TTL.", least=0, most=1)
    floor: float = parameter(60.0, "Of caches that stretch TTLs.", unit="s", least=0, most=_WEEK_S)
    cap: float = parameter(300.0, "Of caches that cap TTLs.", unit="s", above=0, most=_WEEK_S)
    capped: float = parameter(0.2, "Share of caches that cap TTLs.", least=0, most=1)
    stale: float = parameter(3600.0, "How old answers may be.", unit="s", least=0, most=_WEEK_S)
    swing: float = parameter(0.8, "Of demand, over a day.", least=0, most=1)
    seed: int = parameter(1, "Of all demand.", least=0)


def measure(parameters: Parameters, work: Work) -> results.TtlStudy:
    """Measure queries at a server against the TTL: real resolvers, simulated caches, model.

    The server is a dnsd that is started, with the demand of --rate, --caches and --names; or
    --server, with --zone and the --demand that was logged there.
    """
    return study.run(_plan(parameters), work)


KIND = Kind(
    name="ttl",
    type=results.TtlStudy,
    title=report.TITLE,
    rows=results.rows,
    parts=report.parts,
    picture=plot.draw,
    parameters=Parameters,
    measure=measure,
    faults=lambda found: [f"not measured: {problem}" for problem in found.about.problems],
)


def _plan(chosen: Parameters) -> study.Plan:
    kinds = tuple(dict.fromkeys(each for each in chosen.resolvers if each in RESOLVERS))
    theirs = tuple(_own(each) for each in chosen.resolvers if each not in RESOLVERS)
    ttls = tuple(sorted(set(chosen.ttls or TTLS)))
    given = [bool(each) for each in (chosen.server, chosen.zone, chosen.demand)]
    if any(given) and not all(given):
        raise StudyError(
            "--server, --zone and --demand go together: whom to ask, for what, and how often"
        )
    if theirs and not any(given):
        raise StudyError("--resolver ADDR needs --server, --zone and --demand: what to ask it for")
    if chosen.demand:
        return _logged(chosen, Path(chosen.demand), kinds, theirs)
    population = Population(
        chosen.caches, chosen.names, chosen.rate, chosen.cache_skew, chosen.name_skew
    )
    words = (
        f"{chosen.rate:g} lookups/s at {chosen.caches:,} caches for {chosen.names:,} names,"
        " by Zipf's law"
    )
    groups = tuple(of_population(population, ttls, chosen.real_rate))
    simulation = study.Simulation(
        population, _profiles(chosen), ttls, chosen.hours, chosen.day_hours
    )
    return study.Plan(None, words, _real(chosen, kinds, groups), simulation, seed=chosen.seed)


def _logged(
    chosen: Parameters, log: Path, kinds: tuple[str, ...], theirs: tuple[Address, ...]
) -> study.Plan:
    """Return the plan for a server that is given, with the demand of a log."""
    server, demand, found = read(address(chosen.server), chosen.zone, log)
    groups = tuple(of_server(demand, found, sorted(set(chosen.ttls)), chosen.real_rate))
    asked = own.of_demand(thin(demand, chosen.real_rate), found)
    return study.Plan(
        server,
        f"that of {log.name}, {demand.rate:.4g} lookups/s",
        _real(chosen, kinds, groups),
        None,
        theirs,
        asked,
        chosen.seconds,
        chosen.seed,
    )


def _real(
    chosen: Parameters, kinds: tuple[str, ...], groups: tuple[Group, ...]
) -> real.Plan | None:
    if not kinds or not chosen.seconds:
        return None
    return real.Plan(
        kinds=kinds,
        groups=groups,
        seconds=chosen.seconds,
        outage=chosen.outage,
        trip=chosen.trip / 1e3,
        seed=chosen.seed,
        together=chosen.together,
        habits=chosen.habits,
    )


def _profiles(chosen: Parameters) -> tuple[Profile, ...]:
    known = profiles(
        floor=chosen.floor,
        cap=chosen.cap,
        capped=chosen.capped,
        prefetch=chosen.prefetch,
        stale=chosen.stale,
        swing=chosen.swing,
    )
    return tuple(one for one in known if one.name in chosen.profiles)


def _own(text: str) -> Address:
    try:
        return address(text)
    except StudyError:
        raise StudyError(
            f"--resolver {text}: neither an address nor one of {', '.join(RESOLVERS)}"
        ) from None


def address(text: str) -> Address:
    """Read ADDR, ADDR:PORT or [ADDR]:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = text, "53"
    host = host.strip("[]")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        raise StudyError(f"{text} is no address and port, such as 192.0.2.53:53") from None
    if not 0 < number < 65_536:
        raise StudyError(f"{text}: {number} is no port")
    return host, number
