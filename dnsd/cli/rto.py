"""``dnsd rto``: for how long the failure of a member can be felt, and what would shorten it.

Reads zones and policies as they are on disk. Knows how it is shown; the formulas are those of
:mod:`dnsd.failover.objective` and :mod:`dnsd.ttladvice`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from dnsd import config
from dnsd.build.policycheck import promised
from dnsd.build.promises import Promises
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.demand import counted_by_node
from dnsd.cli.options import (
    config_option,
    json_option,
    say_examples,
    seconds_of,
)
from dnsd.cli.output import echo
from dnsd.config import Demand
from dnsd.config.policyfile import load_policy, place_of
from dnsd.config.units import format_duration
from dnsd.errors import ConfigError, DnsdError, ZoneError
from dnsd.failover.price import Live, measured
from dnsd.failover.rate import Rate
from dnsd.text import duration
from dnsd.ttladvice import demand, recovery
from dnsd.ttladvice.advice import Goal, Subject, advise
from dnsd.ttladvice.demand import RRsetDemand
from dnsd.ttladvice.recovery import Floors
from dnsd.zone.load import load_zone

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dnsd.build.promises import InZone
    from dnsd.config import Config
    from dnsd.config.policy import Policy, PoolPolicy
    from dnsd.failover.objective import Alternative, Assessment
    from dnsd.failover.price import Forecast, Priced
    from dnsd.ttladvice.advice import Advice
    from dnsd.ttladvice.demand import DemandFile
    from dnsd.ttladvice.recovery import Recovery

LIFETIMES = 2
"""A demand is known of what was counted for so many TTLs."""
FLOORS = Floors()
"""Resolvers that are thought to hold nothing for less than a floor."""


class RateReport(NamedTuple):
    """How often pools are asked for, as far as that is known; ``how`` says how it is.

    What the operator says (``said``, queries per second) holds for each pool.
    """

    counted: dict[tuple[str, str], Rate]
    how: str
    said: float | None = None

    def live(self, pool: InZone) -> Live | None:
        """Return what is known of ``pool``; None if nothing is."""
        if self.said is not None:
            return Live(self.said, pool.ttl)
        rate = self.counted.get((pool.policy.name, pool.policy.type))
        return rate and measured(rate, pool.ttl)


class PoolPlan(NamedTuple):
    """What is said of one pool; ``queries`` is what it costs now, None if that is unknown.

    ``advice`` is there if what caches look up is known.
    """

    pool: PoolPolicy
    assessment: Assessment
    queries: Forecast | None
    back: Recovery
    advice: Advice | None


@click.command()
@config_option
@json_option
@click.option(
    "--objective",
    callback=seconds_of,
    metavar="TIME",
    help='Use this objective, such as "60s", instead of that of each policy.',
)
@click.option(
    "--qps", type=click.FloatRange(min=0), help="Queries per second that each pool gets now."
)
@click.option(
    "--demand",
    "demand_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What caches look up, as dnsd demand --json or python -m bench plan --summary writes it.",
)
def rto(
    config_file: Path | None,
    as_json: bool,
    objective: float | None,
    qps: float | None,
    demand_file: Path | None,
) -> None:
    """Show for each pool how long a failure can be felt, and ways to a shorter time.

    That is the worst case of a client whose cache keeps to TTLs: the time of detection, and the
    TTL of answers given before. It includes the longest wait of a check for its turn, if everything
    that the node checks hangs. Each way to meet the objective is shown with its price in queries. A
    running node counts the queries for each pool; those of the last ten minutes make the price,
    with an interval of 95 %. --qps gives another rate. With --demand, or with [demand] in the
    configuration (its file, or what the node itself has counted for at least twice the TTL), prices
    are those of the caches that ask, and a TTL is recommended. The figures for half of the users,
    and for 95 % of them, include resolvers with a floor.

    Exit status: 1 if an objective is not met.
    """
    found, pools = _pools(config_file)
    given = found.demand if qps is None else Demand()
    known = _known(config_file, demand_file, given)
    if known and all(_of(known, pool) for pool in pools):
        rates = RateReport({}, f"prices are of {known.words}")
    else:
        rates = _rates(config_file, qps)
        if known:
            rates = rates._replace(
                how=f"prices are of {known.words}; where those are not: {rates.how}"
            )
    promises = Promises(pools, found.failover)
    plans = [_plan(pool, promises, objective, _priced(pool, rates, known)) for pool in pools]
    if as_json:
        echo(json.dumps({"pools": [_as_data(plan) for plan in plans], "rates": rates.how}))
    else:
        from dnsd.cli.console import SafeConsole

        SafeConsole().print(_picture(plans, rates))
    sys.exit(0 if all(plan.assessment.met for plan in plans) else 1)


# -- what there is ----------------------------------------------------------------------------


def _pools(config_file: Path | None) -> tuple[Config, list[InZone]]:
    """Return the configuration and each pool; the errors of dnsd check end it."""
    say_examples(config_file)
    found, zones, problems = config.examine(config_file)
    if found is None or problems:
        raise ConfigError([str(problem) for problem in problems])
    pools: list[InZone] = []
    for origin, file in zones.items():
        policy, faults = load_policy(place_of(found, origin, file), origin)
        if faults:
            raise ConfigError([str(fault) for fault in faults])
        if policy is not None:
            pools += _pools_of(policy, file, found)
    return found, pools


def _pools_of(policy: Policy, file: Path, found: Config) -> tuple[InZone, ...]:
    limits = found.zones.limits
    zone = load_zone(policy.origin, file, limits).zone
    if zone is None:
        raise ZoneError(f"{file} cannot be loaded: see dnsd check {file}")
    pools = promised(policy, zone)
    there = {id(pool.policy) for pool in pools}
    if missing := next((pool for pool in policy.pools if id(pool) not in there), None):
        raise ZoneError(f"{missing.name} {missing.type} is not in {file}: see dnsd check {file}")
    return pools


def _known(config_file: Path | None, demand_file: Path | None, given: Demand) -> DemandFile | None:
    """Return what caches look up, as far as it is known."""
    if file := demand_file or given.file:
        return demand.read(file)
    if not given.enabled:
        return None
    try:
        found, seconds = counted_by_node(config_file)
    except DnsdError:
        return None  # Of the rates it is said why nothing is known.
    rrsets = tuple(one for one in found.rrsets if seconds >= LIFETIMES * one.ttl)
    return msgspec.structs.replace(found, rrsets=rrsets) if rrsets else None


def _rates(config_file: Path | None, qps: float | None) -> RateReport:
    if qps is not None:
        return RateReport({}, f"at {qps:g} queries a second for each pool", qps)
    try:
        told = ask(socket_path(config_file), "failover")["pools"]
    except DnsdError as error:
        return RateReport({}, f"prices need the rate of queries: {error}; or give it with --qps")
    counted = {(one["name"], one["type"]): Rate(**one["rate"]) for one in told if one.get("rate")}
    if not counted:
        how = "the node has not counted queries yet: ask again in half a minute, or use --qps"
        return RateReport({}, how)
    seconds = max(rate.seconds for rate in counted.values())
    how = f"queries as the node has counted them for each pool in the last {duration(seconds)}"
    return RateReport(counted, f"{how}, with an interval of 95 %")


def _of(known: DemandFile, pool: InZone) -> RRsetDemand | None:
    return known.of(pool.policy.name, pool.policy.type)


def _priced(pool: InZone, rates: RateReport, known: DemandFile | None) -> Priced | None:
    """Return the known demand for the pool."""
    return (known and _of(known, pool)) or rates.live(pool)


def _plan(
    pool: InZone, promises: Promises, objective: float | None, priced: Priced | None
) -> PoolPlan:
    policy = pool.policy
    wanted = policy.rto if objective is None else objective
    found = promises.assess(pool, wanted, priced)
    asked = priced if isinstance(priced, RRsetDemand) else None
    users = asked.caches if asked else ()
    back = recovery.adaptive(found.timing, pool.ttl, policy.ttl_min, users, FLOORS)
    advice = None
    if asked and policy.check != "none":
        goal = None if wanted is None else Goal(wanted, found.timing, policy.ttl_min)
        (advice,) = advise([Subject(asked, pool.ttl, goal)]).found
    queries = None if priced is None else priced.price(pool.ttl)
    return PoolPlan(policy, found, queries, back, advice)


# -- how it is shown --------------------------------------------------------------------------


def _as_data(plan: PoolPlan) -> dict[str, Any]:
    found, pool = plan.assessment, plan.pool
    return {
        "name": pool.name,
        "type": pool.type,
        "check": pool.checked_by,
        "ttl_max": found.ttl_max,
        "ttl_min": found.ttl_min,
        "queue": found.timing.queue,
        "queued": found.queued,
        "detection": found.timing.detection,
        "worst": found.worst,
        "fixed": found.fixed,
        "objective": found.objective,
        "met": found.met,
        "largest_ttl": found.largest,
        "queries": plan.queries and plan.queries._asdict(),
        "recovery": plan.back._asdict(),
        "advice": plan.advice and _advice(plan.advice),
        "alternatives": [_alternative(one) for one in found.alternatives],
        "sentence": found.sentence(),
    }


def _advice(one: Advice) -> dict[str, Any]:
    return {
        "ttl": one.ttl,
        "why": one.why,
        "queries": one.queries._asdict(),
        "peak": one.peak._asdict(),
        "recovery": one.back and one.back._asdict(),
        "next": one.step,
        "sentence": one.sentence(),
    }


def _alternative(one: Alternative) -> dict[str, Any]:
    return {
        "interval": one.timing.interval,
        "fast_interval": one.timing.fast_interval,
        "down": one.timing.down,
        "ttl_max": one.ttl_max,
        "worst": one.worst,
        "checks": one.checks,
        "queries": one.queries and one.queries._asdict(),
    }


def _picture(plans: list[PoolPlan], rates: RateReport) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    if not plans:
        return Text("no pools")
    parts: list[RenderableType] = [_summary(plans)]
    for plan in plans:
        parts += [Text(""), Text(_sentence(plan))]
        if plan.assessment.alternatives:
            parts.append(_alternatives(plan))
        if plan.advice:
            parts.append(Text(plan.advice.sentence(), style="bold"))
    return Group(*parts, Text(""), Text(rates.how, style="dim"))


def _sentence(plan: PoolPlan) -> str:
    what = f"{plan.pool.name} {plan.pool.type}"
    if plan.pool.check == "none":
        return f'{what}: check = "none" sees no failure'
    return f"{what}: {plan.assessment.sentence()}; {_users(plan.back)}"


def _users(back: Recovery) -> str:
    """Say when users are back that are not the last ones, and whom the worst case leaves out."""
    half, most, last = (
        format_duration(float(round(at))) for at in (back.median, back.p95, back.floored)
    )
    return (
        f"half of the users are back after {half} and 95 % after {most}, if {FLOORS.share:.1%} of"
        f" the resolvers hold nothing for less than {format_duration(FLOORS.seconds)}, which may"
        f" take {last}"
    )


def _summary(plans: list[PoolPlan]) -> RenderableType:
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("pool", "detection", "TTL", "worst case", "fixed TTL", "objective", "verdict")
    for plan in plans:
        found = plan.assessment
        verdict, style = ("met", "green") if found.met else ("not met", "red")
        if found.objective is None:
            verdict, style = "-", ""
        shown.add_row(
            f"{plan.pool.name} {plan.pool.type}",
            format_duration(found.timing.detection),
            f"{found.ttl_min} to {found.ttl_max}",
            format_duration(found.worst),
            format_duration(found.fixed),
            "-" if found.objective is None else format_duration(found.objective),
            Text(verdict, style=style),
        )
    return shown


def _alternatives(plan: PoolPlan) -> RenderableType:
    from rich.padding import Padding

    from dnsd.cli.tables import table

    shown = table("interval", "down", "fast", "TTL", "worst case", "checks/s", "queries/s")
    now = plan.assessment
    for one in now.alternatives:
        shown.add_row(
            format_duration(one.timing.interval),
            str(one.timing.down),
            format_duration(one.timing.fast_interval),
            str(one.ttl_max),
            format_duration(one.worst),
            f"{one.checks:.3g}",
            _price(one.queries),
        )
    return Padding(shown, (0, 0, 0, 2), expand=False)


def _price(queries: Forecast | None) -> str:
    if queries is None:
        return "-"
    if queries.least == queries.most:
        return f"{queries.least:.1f}"
    bounds = f"{queries.least:.1f} to {queries.most:.1f}"
    return bounds if queries.likely is None else f"{queries.likely:.1f} ({bounds})"
