"""``dnsd serve``: the daemon, in the foreground."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dnsd.cli.options import config_option, zone_option
from dnsd.config import Options
from dnsd.config.kinds import parse_endpoints


def _endpoints(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse addresses that cannot be listened on, but keep the texts."""
    try:
        parse_endpoints([*values])
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return values


@click.command()
@config_option
@click.option(
    "--listen",
    callback=_endpoints,
    multiple=True,
    metavar="ADDR:PORT",
    help="An address to listen on, such as 127.0.0.1:53 or [::1]:53; may be repeated.",
)
@click.option(
    "--zones",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The directory of zone files, each named after its zone: example.com.zone.",
)
@zone_option
@click.option("--workers", type=int, metavar="N", help="Worker processes; 0: one for each core.")
def serve(
    config_file: Path | None,
    listen: tuple[str, ...],
    directory: Path | None,
    zones: tuple[str, ...],
    workers: int | None,
) -> None:
    """Serve zones until told to stop.

    Without a configuration and without zones: the example zones, on 127.0.0.1:5300 and
    [::1]:5300. One line on standard error says when every socket answers. SIGHUP reloads,
    SIGTERM and SIGINT stop.
    """
    from dnsd import daemon

    options = Options(
        listen=listen,
        zones=None if directory is None else str(directory),
        zone=zones,
        workers=workers,
    )
    sys.exit(daemon.run(config_file, options))
