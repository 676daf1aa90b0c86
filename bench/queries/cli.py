"""``python -m bench query-file ZONE``: queries for dnsperf, dig -f and bench dig."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import dns.exception
from dns.rdatatype import RdataType

from bench.queries import zone
from bench.queries.draw import Mix, draw
from bench.queries.file import Format, line
from bench.study.errors import StudyError, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable

SHARE = click.FloatRange(0, 1)


def types_(
    _ctx: click.Context, _param: click.Parameter, values: Iterable[str]
) -> tuple[RdataType, ...]:
    """Return the types that were named."""
    try:
        return tuple(RdataType.from_text(value) for value in values)
    except (dns.exception.DNSException, ValueError) as error:
        raise click.BadParameter(f"{error}: write types such as A, AAAA, HTTPS") from error


@click.command(name="query-file")
@click.argument("zone_file", metavar="ZONE", type=click.Path(exists=True, path_type=Path))
@click.option("--origin", help="The zone's name, if the file is not named after it.")
@click.option("--count", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--seed", default=1, show_default=True, help="The same seed, the same queries.")
@click.option(
    "--type", "types", multiple=True, callback=types_, help="Only this type. May be repeated."
)
@click.option("--nxdomain", type=SHARE, default=0.0, help="Share of names that do not exist.")
@click.option("--wildcard", type=SHARE, default=0.0, help="Share that wildcards answer.")
@click.option("--do", type=SHARE, default=0.0, help="Share that asks for DNSSEC (+dnssec).")
@click.option(
    "--zipf",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="How unevenly names are asked: the k-th with a weight of 1/k^ZIPF; 0: all alike.",
)
@click.option(
    "--format", "style", type=click.Choice([str(f) for f in Format]), default=str(Format.DNSPERF)
)
@click.option("--output", type=click.Path(path_type=Path), help="File to write; else stdout.")
@sentences
def query_file(
    zone_file: Path,
    origin: str | None,
    count: int,
    seed: int,
    types: tuple[RdataType, ...],
    nxdomain: float,
    wildcard: float,
    do: float,
    zipf: float,
    style: str,
    output: Path | None,
) -> None:
    """Draw queries from the zone file ZONE and write them, one a line.

    \b
    dnsperf -s 192.0.2.53 -d queries         the format by default
    dig @192.0.2.53 -f queries               with --format dig
    python -m bench dig --queries queries    takes both
    """
    if do and style == Format.DNSPERF:
        raise StudyError(
            "dnsperf sets DO for all queries or for none: leave --do out and give -D to dnsperf,"
            " or write --format dig"
        )
    mix = Mix(types, nxdomain, wildcard, do, zipf)
    queries = draw(zone.read(zone_file, origin), mix, count, seed)
    lines = [line(query, Format(style)) + "\n" for query in queries]
    if output is None:
        sys.stdout.writelines(lines)
    else:
        output.write_text("".join(lines), encoding="ascii")
