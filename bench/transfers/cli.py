"""``python -m bench transfers``: AXFR beside Knot, and a zone that changes all the time."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.transfers.given import Given


@click.group(help=__doc__)
def transfers() -> None:
    """Group of what is measured of transfers."""


@transfers.command()
@click.option("--records", default=1_000_000, show_default=True, help="Records of the zone.")
@click.option("--rounds", default=3, show_default=True, help="Transfers from each server.")
@click.option("--signed/--plain", default=False, show_default=True, help="With a TSIG or without.")
def axfr(records: int, rounds: int, signed: bool) -> None:
    """Fetch a large zone from dnsd and from Knot in turn: time, and processor time of each."""
    from bench.transfers.given import measure

    with tempfile.TemporaryDirectory(prefix="dnsd-axfr-") as directory:
        found = measure(Path(directory), records, rounds, is_signed=signed)
    click.echo(f"{'':8}{'seconds':>20}{'CPU seconds':>20}{'MiB':>8}{'messages':>10}")
    for name, transfers_ in found.items():
        click.echo(_row(name, transfers_))
    best = {name: min(one.seconds for one in each) for name, each in found.items()}
    cpu = {name: min(one.cpu for one in each) for name, each in found.items()}
    click.echo(
        f"dnsd beside Knot: {best['dnsd'] / best['knot']:.2f} x the time, "
        f"{cpu['dnsd'] / max(cpu['knot'], 0.01):.2f} x the CPU (the best of each)"
    )


def _row(name: str, found: list[Given]) -> str:
    seconds = "/".join(f"{one.seconds:.2f}" for one in found)
    cpu = "/".join(f"{one.cpu:.2f}" for one in found)
    return (
        f"{name:8}{seconds:>20}{cpu:>20}{found[0].octets / (1 << 20):>8.1f}{found[0].messages:>10}"
    )


@transfers.command()
@click.option("--zones", default=10_000, show_default=True, help="Zones of the primary.")
@click.option("--rounds", default=1, show_default=True, help="First starts of each server.")
@click.option("--server", "names", multiple=True, default=("dnsd", "nsd", "knot"), help="Which.")
def many(zones: int, rounds: int, names: tuple[str, ...]) -> None:
    """Start new secondaries of many zones of one primary: time, processor time, memory."""
    from bench.transfers.many import measure

    with tempfile.TemporaryDirectory(prefix="dnsd-many-") as directory:
        found = measure(Path(directory), zones, rounds, names)
    click.echo(f"{'':8}{'seconds':>20}{'CPU seconds':>20}{'MiB (PSS)':>16}")
    for name, each in found.items():
        seconds = "/".join(f"{one.seconds:.1f}" for one in each)
        cpu = "/".join(f"{one.cpu:.2f}" for one in each)
        pss = "/".join(f"{one.pss / (1 << 20):.0f}" for one in each)
        click.echo(f"{name:8}{seconds:>20}{cpu:>20}{pss:>16}")
        least = min(each, key=lambda one: one.cpu)
        for process, spent in sorted(least.by_process.items(), key=lambda one: -one[1])[:6]:
            click.echo(f"{'':10}{process:40}{spent:8.2f}")


@transfers.command()
@click.option("--seconds", default=180, show_default=True, help="How long.")
@click.option("--every", default=1.0, show_default=True, help="Seconds between two changes.")
@click.option("--kill-every", default=30, show_default=True, help="Changes between kill -9; 0: no.")
def follow(seconds: int, every: float, kill_every: int) -> None:
    """Have Knot sign and change a zone, dnsd follow, and Unbound validate all the time."""
    from tests.interop.followed import follow as run

    with tempfile.TemporaryDirectory(prefix="dnsd-follow-") as directory:
        seen = run(Path(directory), round(seconds / every), every, kill_every)
    click.echo(
        f"{len(seen.serials)} serials ({seen.serials[0]} to {seen.serials[-1]}) equal octet for "
        f"octet, {seen.kills} times killed; served at most {seen.slowest:.2f} s after the primary; "
        f"Unbound: {seen.secure} secure, {len(seen.other)} not, {seen.silent} without an answer"
    )
    for line in seen.other[:10]:
        click.echo(line)
    if seen.other:
        raise SystemExit(1)
