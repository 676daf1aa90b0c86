"""``python -m bench lab``: the commands of the three cities. Needs root."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from bench.lab import events, farm, faults, hijack, measure, results, rivals, story
from bench.lab.errors import LabError
from bench.lab.lab import Lab, existing
from bench.lab.stacks import Dnsd
from bench.lab.topology import SITES, VIPS
from bench.machine import machine
from bench.results import DIRECTORY
from bench.study.command import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.lab.cities import City

EVENTS = events.EVENTS | faults.FAULTS
"""What can happen to dnsd."""

console = Console(highlight=False, width=140)
name_option = click.option("--name", default="lab", show_default=True, help="Which lab.")
site_argument = click.argument("site", type=click.Choice([site.name for site in SITES]))


@click.group(help=__doc__)
def lab() -> None:
    """Group of the lab's commands."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As an exception it passes all that cleans up.
        signal.signal(number, lambda found, _: sys.exit(128 + found))


def _sentences(command: Callable[..., None]) -> Callable[..., None]:
    """Have LabError end the command with its sentence."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except LabError as error:
            raise click.ClickException(str(error)) from error

    return run


def _say(text: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)


def _found(name: str) -> Lab:
    found = Lab(name)
    if not found.exists():
        raise LabError(f"no lab named {name} is up: `python -m bench lab up` makes it")
    return found


@lab.command()
@name_option
@_sentences
def up(name: str) -> None:
    """Bring a lab up and leave it."""
    found = Lab(name)
    found.up()
    _show(found)
    client = found["nyc"].namespace("client")
    click.echo(f"try: ip netns exec {client} dig +short @{VIPS[0]} id.server CH TXT")


@lab.command()
@name_option
@_sentences
def status(name: str) -> None:
    """Show what runs, and who answers whom."""
    _show(_found(name))


def _show(found: Lab) -> None:
    table = Table("city", "router", "node's BIRD", "dnsd", "state", "its client is answered by")
    for city in found.cities.values():
        running = (str(city.pid(name) or "-") for name in ("router", "bird", "dnsd"))
        by = " and ".join(dict.fromkeys(answer or "nobody" for answer in city.answerers()))
        table.add_row(city.site.city, *running, _state(city), by)
    console.print(table)
    click.echo(f"pids above; files, logs and control sockets are in {found.directory}")


def _state(city: City) -> str:
    try:
        return str(city.view()["state"])
    except LabError:
        return "-"


@lab.command()
@name_option
@click.option("--all", "everything", is_flag=True, help="Every lab of this machine.")
@_sentences
def down(name: str, everything: bool) -> None:
    """Remove a lab, and what is left of labs whose program was killed."""
    for found in existing():
        if everything or found.name == name or found.is_orphan():
            found.down()
            click.echo(f"{found.name} is removed")
        else:
            click.echo(f"{found.name} is left alone: its owner is at work (--all removes it too)")


@lab.command()
@site_argument
@name_option
@_sentences
def kill(site: str, name: str) -> None:
    """Kill dnsd in a city, as kill -9 does."""
    city = _found(name)[site]
    city.send("dnsd", signal.SIGKILL)
    city.wait_gone("dnsd")


@lab.command()
@site_argument
@name_option
@_sentences
def drain(site: str, name: str) -> None:
    """Drain a city."""
    click.echo(_found(name)[site].dnsd("drain", "node", "--reason", "bench lab"), nl=False)


@lab.command()
@site_argument
@name_option
@_sentences
def undrain(site: str, name: str) -> None:
    """Take the drain of a city back."""
    click.echo(_found(name)[site].dnsd("undrain", "node"), nl=False)


@lab.command()
@site_argument
@name_option
@_sentences
def cut(site: str, name: str) -> None:
    """Cut a city's node off, so that neither end of the link notices."""
    _found(name)[site].cut()


@lab.command()
@site_argument
@name_option
@_sentences
def restore(site: str, name: str) -> None:
    """Undo whatever was done to a city, and wait until it answers its client."""
    found = _found(name)
    city = found[site]
    city.mend()
    for program in ("router", "bird", "dnsd"):
        if city.pid(program) is None:
            city.start(program)
    for order in (("announce",), ("undrain", "node")):
        city.insist(*order)
    found.wait({site: site})


@lab.command(name="hijack")
@name_option
@_sentences
def hijack_(name: str) -> None:
    """Have New York's node announce what is not its own."""
    found = _found(name)
    mistake = [("the node", finding) for finding in hijack.by_mistake(found)]
    purpose = [("the router", finding) for finding in hijack.on_purpose(found)]
    console.print(story.claims_table(mistake + purpose))
    found.converge()


@lab.command()
@click.option("--picture", type=click.Path(path_type=Path), default=Path("three-cities.svg"))
@_sentences
def demo(picture: Path) -> None:
    """Play the story in a lab of its own, and draw it."""
    with Lab(f"demo-{os.getpid()}").running() as found:
        play = story.Play(found, _say)
        play.run()
        seen = play.queries()
    console.print(play.timeline(seen))
    console.print(story.claims_table(play.findings))
    picture.write_text(play.picture(seen))
    total = sum(map(len, seen.values()))
    click.echo(f"{play.lost(seen)} of {total:,} queries were lost; the picture is {picture}")


@lab.command()
@click.option("--picture", type=click.Path(path_type=Path), default=Path("directors.svg"))
@_sentences
def directors(picture: Path) -> None:
    """Play what happens behind two directors for three backends in each city, and draw it."""
    with Lab(f"farm-{os.getpid()}", farm.Directors()).running() as found:
        play = farm.Play(found, _say)
        play.run()
        seen = play.queries()
    console.print(play.timeline(seen))
    picture.write_text(play.picture(seen))
    total = sum(map(len, seen.values()))
    click.echo(f"{play.lost(seen)} of {total:,} queries were lost; the picture is {picture}")


@lab.command(name="measure")
@click.option("--repeat", "repeats", default=5, show_default=True, help="How often each.")
@click.option("--only", type=click.Choice(list(EVENTS | events.COMMON)), multiple=True)
@click.option("--stack", "stacks", type=click.Choice(["dnsd", *rivals.STACKS]), multiple=True)
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@_sentences
def measure_(
    repeats: int, only: tuple[str, ...], stacks: tuple[str, ...], output: Path | None
) -> None:
    """Have everything happen that can, and count the queries that it costs."""
    runs: list[results.Run] = []
    failures: list[str] = []
    titles: dict[str, str] = {}
    load = f"{os.getloadavg()[0]:.1f} before"
    for stack in stacks or ("dnsd", *rivals.STACKS):
        known = EVENTS if stack == "dnsd" else events.COMMON
        chosen = {name: event for name, event in known.items() if not only or name in only}
        titles |= {name: event.title for name, event in chosen.items()}
        try:
            made = rivals.STACKS[stack]() if stack in rivals.STACKS else Dnsd()
            with Lab(f"measure-{os.getpid()}", made).running() as found:
                more, failed = measure.repeat(found, made, chosen, repeats, _say)
        except LabError as error:
            failures.append(f"{stack} was not measured: {error}")
            _say(failures[-1])
        else:
            runs += more
            failures += failed
    report = results.Report(
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command="python -m bench " + shlex.join(sys.argv[1:]),
        machine={**machine(), "load average": load},
        versions=measure.versions(rivals.VERSIONS),
        titles=titles,
        allowed={name: event.allowed for name, event in EVENTS.items()},
        runs=runs,
        failures=failures,
    )
    path = output or DIRECTORY / time.strftime("lab-%Y%m%dT%H%M%S.json")
    results.save(report, path)
    console.print(results.table(report))
    click.echo(f"written to {path} and {path.with_suffix('.md').name}")
    if failures:
        raise SystemExit(1)


@lab.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
def report(paths: tuple[Path, ...], output: Path | None) -> None:
    """Show earlier measurements, several as one."""
    found = results.merge([results.load(path) for path in paths])
    console.print(results.table(found))
    if output is not None:
        results.save(found, output)


lab.add_command(
    Deferred("balance", "bench.balance.kind", "What each event costs flows behind a director.")
)
