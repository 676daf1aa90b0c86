"""``python -m bench ttl``: its options, and nothing that takes long to import."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.results import DIRECTORY
from bench.study.errors import StudyError, sentences
from bench.study.extra import needed
from bench.study.kind import tell
from bench.study.progress import steps
from bench.study.signals import ending

if TYPE_CHECKING:
    from bench.ttl.study import Plan

TTLS = (0, 1, 5, 15, 30, 60, 300, 900, 3600)
RESOLVERS = ("unbound=2", "unbound-prefetch=1", "unbound-expired=1", "pdns-recursor=2", "bind=2")
PROFILES = ("plain", "diurnal", "prefetch", "stretched", "capped", "serve-stale")
SHORT: dict[str, Any] = {
    "seconds": 5.0,
    "hours": 1.0,
    "day_hours": 24.0,
    "load_seconds": 0.3,
    "caches": 1000,
    "names": 10,
    "rate": 10.0,
    "resolvers": ("unbound=1", "pdns-recursor=1"),
}
"""What ``--short`` makes of the options that were not given."""

_COUNT = click.IntRange(1, 10_000_000)
_RATE = click.FloatRange(0, 1e9, min_open=True)
_DURATION = click.FloatRange(0, 604_800)
_SHARE = click.FloatRange(0, 1)
_SKEW = click.FloatRange(0, 4)


@click.command()
@click.option("--short", is_flag=True, help="In seconds: what it shows, not figures.")
@click.option("--ttl", "ttls", type=click.IntRange(0, 86_400), multiple=True, default=TTLS)
@click.option(
    "--seconds",
    type=_DURATION,
    default=240.0,
    show_default=True,
    help="With real resolvers (0: none).",
)
@click.option("--resolver", "resolvers", multiple=True, default=RESOLVERS, show_default=True)
@click.option(
    "--real-rate", type=_RATE, default=10.0, show_default=True, help="Lookups/s, resolver and TTL."
)
@click.option(
    "--real-names", type=_COUNT, default=12, show_default=True, help="Names with each TTL."
)
@click.option(
    "--trip", type=_DURATION, default=20.0, show_default=True, help="Round trip to dnsd, ms."
)
@click.option("--caches", type=_COUNT, default=5000, show_default=True, help="Simulated caches.")
@click.option(
    "--names", type=_COUNT, default=40, show_default=True, help="Names that they are asked for."
)
@click.option(
    "--rate", type=_RATE, default=200.0, show_default=True, help="Lookups/s of all their users."
)
@click.option("--cache-skew", type=_SKEW, default=1.0, show_default=True, help="Zipf over caches.")
@click.option("--name-skew", type=_SKEW, default=1.0, show_default=True, help="Zipf over names.")
@click.option(
    "--hours", type=_RATE, default=4.0, show_default=True, help="Simulated, where demand is steady."
)
@click.option(
    "--day-hours", type=_RATE, default=24.0, show_default=True, help="Simulated, where it is not."
)
@click.option(
    "--profile",
    "profiles",
    type=click.Choice(PROFILES),
    multiple=True,
    default=PROFILES,
    show_default=True,
)
@click.option(
    "--prefetch", type=_SHARE, default=0.1, show_default=True, help="Last share of a TTL."
)
@click.option(
    "--floor",
    type=_DURATION,
    default=60.0,
    show_default=True,
    help="Of caches that stretch TTLs, s.",
)
@click.option(
    "--cap", type=_RATE, default=300.0, show_default=True, help="Of caches that cap TTLs, s."
)
@click.option(
    "--capped", type=_SHARE, default=0.2, show_default=True, help="Share of caches that cap TTLs."
)
@click.option(
    "--stale", type=_DURATION, default=3600.0, show_default=True, help="How old answers may be, s."
)
@click.option("--swing", type=_SHARE, default=0.8, show_default=True, help="Of demand, over a day.")
@click.option(
    "--load-seconds", type=_RATE, default=5.0, show_default=True, help="Real load at each TTL."
)
@click.option("--load-speed", type=_RATE, default=20.0, show_default=True, help="Times as quickly.")
@click.option("--seed", default=1, show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@click.pass_context
@sentences
def ttl(context: click.Context, short: bool, output: Path | None, **options: Any) -> None:
    """Measure queries at a real dnsd against the TTL: real resolvers, simulated caches, model."""
    needed()
    from bench.ttl import study
    from bench.ttl.kind import KIND

    if short:
        options |= {name: value for name, value in SHORT.items() if _is_default(context, name)}
    settings = {name.replace("_", " "): _words(value) for name, value in options.items()}
    with ending(), steps() as shown:
        found = study.run(_plan(options), settings, shown)
    path = output or DIRECTORY / time.strftime("ttl-%Y%m%dT%H%M%S.json")
    tell(KIND.write(found, path))
    if found.about.problems:
        raise StudyError("not all was measured: " + "; ".join(found.about.problems))


def _is_default(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.DEFAULT


def _words(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _plan(options: dict[str, Any]) -> Plan:
    from bench.ttl.demand import Population
    from bench.ttl.load import Pace
    from bench.ttl.profiles import profiles
    from bench.ttl.study import Plan

    known = profiles(
        floor=options["floor"],
        cap=options["cap"],
        capped=options["capped"],
        prefetch=options["prefetch"],
        stale=options["stale"],
        swing=options["swing"],
    )
    return Plan(
        ttls=tuple(sorted(set(options["ttls"]))),
        population=Population(
            options["caches"],
            options["names"],
            options["rate"],
            options["cache_skew"],
            options["name_skew"],
        ),
        profiles=tuple(one for one in known if one.name in options["profiles"]),
        hours=options["hours"],
        day_hours=options["day_hours"],
        pace=Pace(options["load_seconds"], options["load_speed"]),
        seed=options["seed"],
        real=_real(options) if options["seconds"] else None,
        trip=options["trip"] / 1e3,
    )


def _real(options: dict[str, Any]) -> Any:
    from bench.ttl import real
    from bench.ttl.demand import Population
    from bench.ttl.study import LIFETIMES

    kinds = tuple(_kind(text) for text in options["resolvers"])
    count = sum(number for _, number in kinds)
    seconds = options["seconds"]
    ttls = sorted(ttl for ttl in set(options["ttls"]) if LIFETIMES * ttl <= seconds)
    if not ttls:
        least = LIFETIMES * min(options["ttls"])
        raise StudyError(
            f"--seconds {seconds:g} is too short for real resolvers: the smallest TTL needs"
            f" --seconds {least}; --seconds 0 leaves real resolvers out"
        )
    return real.Plan(
        kinds=kinds,
        ttls=tuple(ttls),
        demand=Population(
            count, options["real_names"], options["real_rate"] * count, 0.0, options["name_skew"]
        ),
        seconds=seconds,
        trip=options["trip"] / 1e3,
        seed=options["seed"],
    )


def _kind(text: str) -> tuple[str, int]:
    """Read ``kind=number``."""
    from bench.ttl.resolvers import RESOLVERS as KNOWN

    name, _, number = text.partition("=")
    if name not in KNOWN or not (number or "1").isdigit():
        raise StudyError(
            f"--resolver {text}: write a kind and how many of it, such as unbound=2;"
            f" kinds are {', '.join(KNOWN)}"
        )
    return name, int(number or "1")
