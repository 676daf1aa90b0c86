"""``python -m bench query-log ZONE``: a log of what caches would ask, to try other tools with."""

from __future__ import annotations

from pathlib import Path

import click

from bench.study.errors import StudyError, sentences
from bench.study.extra import needed

_RATE = click.FloatRange(0, 1e5, min_open=True)


@click.command(name="query-log")
@click.argument("zone_file", metavar="ZONE", type=click.Path(exists=True, path_type=Path))
@click.option("--name", multiple=True, help="In this order; else all that have addresses.")
@click.option("--lookups", type=_RATE, default=20.0, show_default=True, help="Of users, a second.")
@click.option("--caches", type=click.IntRange(1, 1 << 24), default=800, show_default=True)
@click.option(
    "--hours", type=click.FloatRange(0, 168, min_open=True), default=24.0, show_default=True
)
@click.option(
    "--swing", type=click.FloatRange(0, 1), default=0.7, show_default=True, help="By day and night."
)
@click.option(
    "--nowhere",
    type=click.IntRange(0, 1000),
    default=2,
    show_default=True,
    help="Names that do not exist; they are asked least.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed, the same log.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="CSV; .gz: packed.")
@sentences
def query_log(
    zone_file: Path, name: tuple[str, ...], nowhere: int, output: Path, **how: float
) -> None:
    """Make a log of what caches ask a server while their users look up the names of ZONE.

    Shares of names and of caches follow Zipf's law; A, AAAA and HTTPS are looked up together, and
    caches hold each answer as the zone says. bench plan --demand reads the log.
    """
    needed()
    from dns.rdatatype import A

    from bench.demand import made
    from bench.demand.text import absolute
    from bench.plan.site import of_zone
    from bench.queries.zone import read

    zone = read(zone_file)
    named = [absolute(one) for one in name]
    names = named or list(dict.fromkeys(str(owner) for owner, rtype in zone.data if rtype == A))
    names += [f"nowhere-{number}.{zone.apex}" for number in range(nowhere)]
    making = made.Making(
        int(how["caches"]), how["lookups"], how["hours"] * 3600, how["swing"], int(how["seed"])
    )
    count = made.write(made.make(names, of_zone(zone_file), making), output)
    if not count:
        raise StudyError(f"nothing is asked in {how['hours']:g} h: give more --lookups")
    click.echo(f"{count:,} queries for {len(names):,} names written to {output}")
