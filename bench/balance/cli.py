"""``python -m bench lab balance``: what each event costs the flows behind a director."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console

from bench.balance import study
from bench.results import DIRECTORY
from bench.study import results
from bench.study.errors import StudyError, sentences
from bench.study.signals import ending
from bench.study.text import grid

NEEDED = ("ip", "bird", "birdc", "nft")
SECONDS = 3.0
"""How long the loads run before anything happens."""


@click.command(name="balance")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file to write.")
@sentences
def balance(output: Path | None) -> None:
    """Have everything happen to directors and backends while HTTP and DNS run, and count.

    It takes two minutes. The exit status is 1 when a goal is missed.
    """
    _needed()
    from bench.balance.site import Client, Site
    from bench.balance.story import Play, ready

    began, load = time.monotonic(), f"{os.getloadavg()[0]:.1f}"
    with ending(), tempfile.TemporaryDirectory(prefix="dnsd-balance-") as directory:
        site = Site(Path(directory))
        try:
            site.build()
            for director in site.directors:
                ready(director)
            client = Client(site)
            try:
                time.sleep(SECONDS)
                play = Play(site, client, _say)
                play.run()
            finally:
                client.end()
        except AssertionError as error:  # what the site was waited for
            raise StudyError(str(error)) from error
        finally:
            site.end()
    settings = {
        "kept connections": "200",
        "downloads": "20",
        "new connections, DNS over UDP, DNS over TCP": "100, 100 and 40 a second",
        "load average before": load,
        "took": f"{time.monotonic() - began:.0f} s",
    }
    versions = {"bird": results.version("bird", "--version", after="version")}
    found = study.Balance(kind="balance", about=results.about(versions, settings), rows=play.rows)
    path = output or DIRECTORY / time.strftime("balance-%Y%m%dT%H%M%S.json")
    study.save(found, path)
    Console(highlight=False, width=160).print(grid(study.shown(found)))
    click.echo(f"written to {path} and {path.with_suffix('.md').name}")
    if not all(row.met for row in found.rows):
        raise SystemExit(1)


def _needed() -> None:
    if os.geteuid():
        raise StudyError("network namespaces need root: run it with sudo")
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        raise StudyError(f"not installed: {', '.join(missing)}")
    try:
        import tests.director  # noqa: F401
    except ImportError as error:
        raise StudyError(
            f"the site is that of the tests, which cannot be loaded: {error}"
        ) from None


def _say(text: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)
