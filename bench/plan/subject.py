"""What is planned: the demand, from where it is known, how is checked, and what stands beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.demand.text import absolute
from bench.plan import logged, site
from bench.plan.choice import Checks
from bench.plan.results import Dot, Recommended, Together
from bench.plan.source import Seen, like, of_lookups, of_study
from bench.plan.study import pools, watch
from bench.study.errors import StudyError
from bench.study.results import load
from bench.ttl.demand import Population
from bench.ttl.results import TtlStudy
from dnsd.failover.objective import FLIP_S, LATE_S, Timing
from dnsd.failover.price import Live
from dnsd.ttladvice import demand
from dnsd.ttladvice.recovery import Floors

if TYPE_CHECKING:
    from pathlib import Path

    from bench.plan.kind import Parameters
    from bench.plan.source import Source

SOURCES = ("demand", "file", "live", "rate", "lookups")
"""Parameters that say where the demand is known from; of these one is given."""


class Subject(NamedTuple):
    """A demand, how members are checked, the objective, and what a plan has beside the curve.

    ``about_names`` and ``today``: whose TTL it is; ``dots``, ``advice`` and so on: see PlanStudy.
    """

    source: Source
    checks: Checks
    objective: float | None = None
    about_names: str = "all names"
    today: tuple[float, ...] = ()
    dots: tuple[Dot, ...] = ()
    advice: tuple[Recommended, ...] = ()
    together: str = ""
    names: tuple[Together, ...] = ()


def subject(how: Parameters) -> Subject:
    """Return what is planned; StudyError says what is missing."""
    told = [name for name in SOURCES if getattr(how, name)]
    if told not in (*([one] for one in SOURCES), ["file", "lookups"]):
        raise StudyError(
            "say where demand is known from: --demand FILE, --from FILE (and --lookups to change"
            " how much it is), --live, --rate, or --lookups"
        )
    found = _of_log(how, how.demand) if how.demand else _of_rates(how)
    return found._replace(dots=(*found.dots, *dots(how.real))) if how.real else found


def _checks(how: Parameters) -> Checks:
    """Return how members are checked as it is typed."""
    timing = Timing(how.interval, how.timeout, how.fast_interval, how.down, FLIP_S + LATE_S)
    return Checks(timing, how.ttl_min, Floors(how.floor_share, how.floor))


def _of_log(how: Parameters, log: Path) -> Subject:
    if sum(value is not None for value in (how.config, how.zone, how.at_ttl)) > 1:
        raise StudyError("TTLs are those of --config, or of --zone, or of --at-ttl: say one")
    checks, objective = _checks(how), how.rto
    names = frozenset(map(absolute, how.name))
    of_zones = site.of_config(how.config) if how.config else None
    of_zones = site.of_zone(how.zone) if how.zone else of_zones
    found = logged.subjects(log, of_zones, logged.Wanted(names, objective, checks, how.at_ttl))
    if how.summary:
        demand.write(found.source.summary, how.summary)
    if found.goal is not None:
        objective = found.goal.objective
        checks = checks._replace(timing=found.goal.timing, ttl_min=found.goal.ttl_min)
    advice, together = logged.advised(found.found, how.qps_budget, checks.floors)
    return Subject(
        found.source,
        checks,
        objective,
        about_names=found.words,
        today=found.today,
        advice=tuple(advice),
        together=together,
        names=tuple(logged.together(found.source)),
    )


def _of_rates(how: Parameters) -> Subject:
    today = () if how.at_ttl is None else (how.at_ttl,)
    rest = Subject(_source(how), _checks(how), how.rto, today=today)
    same = how.file is not None and how.lookups is None
    return rest._replace(dots=dots(how.file)) if how.file and same else rest


def _source(how: Parameters) -> Source:
    if how.file:
        return _of_file(how, how.file)
    if not how.lookups:
        return _of_rate(how)
    if how.caches is None:
        raise StudyError("--lookups says how much, --caches has to say by how many caches")
    return of_lookups(Population(how.caches, how.names, how.lookups), how.swing)


def dots(path: Path) -> tuple[Dot, ...]:
    """Return what real resolvers asked, by the results of ``bench ttl`` at ``path``."""
    found = [one for one in load(path, TtlStudy).dots() if one.real]
    return tuple(Dot(one.ttl, one.rate, one.low, one.high, one.kind) for one in found)


def _of_file(how: Parameters, path: Path) -> Source:
    """Return the demand of a study of ``bench ttl``."""
    study = load(path, TtlStudy)
    people = study.population
    if people is None:
        raise StudyError(f"{path} was measured with the demand of a log: give --demand")
    population = Population(
        people.caches,
        people.names,
        how.lookups or people.rate,
        people.cache_skew,
        people.name_skew,
    )
    return of_study(study, population, path.name, how.swing)


def _of_rate(how: Parameters) -> Source:
    if how.at_ttl is None:
        raise StudyError("a rate of queries says nothing without the TTL: add --at-ttl")
    live, where = (
        _live(how, how.at_ttl) if how.live else (Live(how.rate or 0.0, how.at_ttl), "as given")
    )
    words = f"{live.rate:.4g} queries/s at a TTL of {live.ttl:g} s, {where}"
    if how.caches is None:
        return Seen(live, words, None)
    caches, names = how.caches, how.names
    people = f", from {caches:,} caches for {names:,} names, whose shares follow Zipf's law"
    return Seen(live, words + people, like(live, caches, names))


def _live(how: Parameters, ttl: float) -> tuple[Live, str]:
    """Return what a running dnsd is asked, for pools or for all names; and how that is known."""
    if how.name:
        live = pools(how.config, {*map(absolute, how.name)}, ttl)
        return live, "as a running dnsd has counted them in the last minutes"
    live = watch(how.config, how.seconds, ttl)
    return live, f"counted for {how.seconds:g} s at a running dnsd, for all names"
