"""``python -m bench plan``: its parameters, its study, and the files that are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers import PEERS
from bench.plan import plot, report, study, subject
from bench.plan.choice import Limits
from bench.plan.results import PlanStudy
from bench.study.kind import Kind
from bench.study.parameters import duration, parameter
from bench.ttl import TTLS
from dnsd.config.policy import Rules
from dnsd.ttladvice.recovery import Floors

if TYPE_CHECKING:
    from bench.study.work import Work

WEEK_S = 604_800
MOST = 1e9

USUAL = Rules(type="A", check="none")
"""What a policy says that says nothing of how to check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What is to be kept, where the demand is known from, how is checked."""

    qps_budget: float | None = parameter(
        None, "Queries at most, at the peak.", unit="/s", above=0, most=MOST, type=float
    )
    rto: float | None = duration(None, "Recovery time objective, as 60s; else policies'.")
    demand: Path | None = parameter(None, "A log of queries; see above.", type=Path)
    config: Path | None = parameter(
        None, "dnsd's: its zones, policies and their checks.", type=Path
    )
    zone: Path | None = parameter(None, "One zone file, with its policy.", type=Path)
    name: tuple[str, ...] = parameter((), "Plan the TTL of this name; may be repeated.")
    summary: Path | None = parameter(None, "Write what dnsd check reads.", read=Path)
    real: Path | None = parameter(
        None, "Results of bench ttl for the same demand: its real resolvers are dots.", type=Path
    )
    file: Path | None = parameter(None, "Results of bench ttl.", type=Path, option="from")
    live: bool = parameter(False, "Count what a running dnsd is asked; with --at-ttl.")
    seconds: float = parameter(120.0, "How long to count.", unit="s", above=0, most=WEEK_S, short=5)
    rate: float | None = parameter(
        None, "Queries that are known; with --at-ttl.", unit="/s", above=0, most=MOST, type=float
    )
    at_ttl: float | None = parameter(
        None, "TTL today, of the rate or the log.", unit="s", least=0, most=WEEK_S, type=float
    )
    lookups: float | None = parameter(
        None, "Lookups of all users; with --caches.", unit="/s", above=0, most=MOST, type=float
    )
    caches: int | None = parameter(None, "How many caches ask.", least=1, most=MOST, type=int)
    names: int = parameter(1, "Names they ask for.", least=1, most=MOST)
    swing: float = parameter(0.0, "Of lookups, over a day.", least=0, most=1)
    interval: float = duration(USUAL.interval, "Of checks, where no policy says it.")
    timeout: float = duration(USUAL.timeout, "Of a check.")
    fast_interval: float = duration(USUAL.fast_interval, "Of suspects.")
    down: int = parameter(USUAL.down, "Failures until down.", least=1, most=100)
    ttl_min: int = parameter(USUAL.ttl_min, "The policy's.", unit="s", least=0, most=WEEK_S)
    floor: float = duration(Floors().seconds, "Some resolvers hold nothing for less.")
    floor_share: float = parameter(Floors().share, "So many of them.", least=0, most=1)
    ttls: tuple[int, ...] = parameter(
        TTLS, "A row of the table.", unit="s", least=0, most=WEEK_S, option="ttl"
    )


def measure(parameters: Parameters, work: Work) -> PlanStudy:
    """Show which TTLs keep a budget of queries and recover in time, from measured demand.

    \b
    Of the demand one of these is known:
      --demand FILE    a log of queries (pcap, dnstap; the query log of BIND, Unbound or PowerDNS;
                       CSV "time,source,name,type"; each also with gzip), with --config, --zone,
                       or --at-ttl; --summary keeps it for dnsd check and dnsd rto. Or what
                       dnsd demand --json or --csv wrote, or --summary
      --from FILE      results of bench ttl; --lookups says how much it is instead
      --live, --rate   queries/s at one TTL (--at-ttl), and from how many --caches for --names
      --lookups        how much users look up, at how many --caches
    """
    found = subject.subject(parameters)
    limits = Limits(parameters.qps_budget, found.objective)
    about = work.about({"dnsd": PEERS["dnsd"].version()})
    return study.plan(found, limits, set(parameters.ttls), about)


KIND = Kind(
    name="plan",
    type=PlanStudy,
    title=report.TITLE,
    rows=lambda study: study.lines,
    parts=report.parts,
    picture=plot.draw,
    parameters=Parameters,
    measure=measure,
    is_timed=False,
)
